"""The one tree of errors; every layer raises these and nothing else on purpose.

    PsiError                        everything below carries a stable `code` (a slug) and a sentence for people
    ├── InputError                  what the caller handed in is wrong; the caller can mend it
    │   ├── InvalidIndicator        a value is not of its kind (the value itself is never in the message)
    │   ├── InvalidMatchKey         a match key's name or use is wrong
    │   ├── InvalidText             a signed text does not parse, or is not of the expected type
    │   └── InvalidConfiguration    a setting, a profile file or a command's words
    ├── NotFound                    no such peer, agreement, session, actor ...
    ├── Conflict                    the thing exists already, or its state does not allow the step
    ├── AccessDenied                a token or a role does not allow it
    │   └── Unauthenticated         no token, or an unknown, expired or revoked one
    ├── VerificationError           a check of something signed, hashed or proven did not hold
    │   ├── InvalidNote             a signed note's bytes are malformed
    │   ├── InvalidSignature        a signature is wrong, or one that is needed is missing
    │   ├── InvalidProof            a Merkle proof does not lead to the root
    │   ├── InvalidCheckpoint       a checkpoint is malformed, or does not extend an earlier one
    │   └── InvalidCertificate      a TLS certificate has a shape that `peers add` refuses
    ├── Refused                     a policy said no: ours, or the peer's (signed); `rule` names which
    ├── PeerError                   the other node
    │   ├── PeerUnreachable         it could not be reached or talked to; `fault` names why
    │   └── ProtocolFault           it sent something malformed, oversized, out of order or twice
    ├── SessionError                a session could not go on
    │   ├── SessionAborted          one side ended it
    │   ├── CanaryFault             canaries came out wrong: a fault, a wrong key or a stale cache
    │   ├── TranscriptMismatch      the two sides did not see the same bytes
    │   ├── EngineFault             an engine refused its input
    │   └── WorkerDied              an engine's child process ended
    └── StoreError                  the node's own state
        ├── StoreLocked             another process owns the store
        └── NodeRefusing            the log is behind its head file or a peer's copy: nothing is signed until mended

Each edge translates once: psi_service/grpc_server/status.py to gRPC, psi_service/http_api/problems.py to HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class PsiError(Exception):
    """Root of the tree. `code` is stable and machine-readable; `str(error)` is for people and holds no secret."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InputError(PsiError):
    """What the caller handed in is wrong."""

    code = "invalid-input"


class InvalidIndicator(InputError):
    """A value is not of its kind. The message gives kind and reason, never the value."""

    code = "invalid-indicator"

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"not a valid {kind}: {reason}")
        self.kind = kind
        self.reason = reason


class InvalidMatchKey(InputError):
    """A match key's name is malformed, names an unknown kind, or yields too many combinations."""

    code = "invalid-match-key"


class InvalidText(InputError):
    """A signed text does not parse, is not canonical, or is of another type than expected."""

    code = "invalid-text"


class InvalidConfiguration(InputError):
    """A setting, a profile file or a command's words are wrong."""

    code = "invalid-configuration"


class NotFound(PsiError):
    """There is no such thing."""

    code = "not-found"


class Conflict(PsiError):
    """The thing exists already, or is in a state that does not allow the step."""

    code = "conflict"


class AccessDenied(PsiError):
    """The caller is known, and may not do this."""

    code = "access-denied"


class Unauthenticated(AccessDenied):
    """The caller is not known: no token, or an unknown, expired or revoked one."""

    code = "unauthenticated"


class VerificationError(PsiError):
    """Something signed, hashed or proven did not verify."""

    code = "verification-failed"


class InvalidNote(VerificationError):
    """A signed note's bytes do not follow c2sp.org/signed-note."""

    code = "invalid-note"


class InvalidSignature(VerificationError):
    """A known key's signature is wrong, or a needed signature is missing."""

    code = "invalid-signature"


class InvalidProof(VerificationError):
    """A Merkle inclusion or consistency proof does not verify (RFC 6962 section 2.1)."""

    code = "invalid-proof"


class InvalidCheckpoint(VerificationError):
    """A checkpoint is malformed, names another origin, or does not extend an earlier one."""

    code = "invalid-checkpoint"


class InvalidCertificate(VerificationError):
    """A TLS certificate does not have the one shape that cards may carry."""

    code = "invalid-certificate"


class Refused(PsiError):
    """A policy said no. `rule` is the rule's code, `by` the lab whose policy spoke, `note` its signed Refuse if any."""

    code = "refused"

    def __init__(self, rule: str, words: str, *, by: str = "", note: bytes = b"") -> None:
        super().__init__(f"refused by {by}: {words}" if by else words)
        self.rule = rule
        self.words = words
        self.by = by
        self.note = note


class PeerError(PsiError):
    """The other node could not be talked to, or did something wrong."""

    code = "peer-error"


class PeerUnreachable(PeerError):
    """The peer could not be reached. `fault` is one of the names that `psi peers test` reports."""

    code = "peer-unreachable"

    def __init__(self, message: str, *, fault: str = "unreachable") -> None:
        super().__init__(message)
        self.fault = fault


class ProtocolFault(PeerError):
    """The peer sent something malformed, oversized, out of order or twice."""

    code = "protocol-fault"


class SessionError(PsiError):
    """A session could not go on."""

    code = "session-error"


class SessionAborted(SessionError):
    """One side ended the session; no result is kept. `note` is the peer's signed Abort, if it sent one."""

    code = "session-aborted"

    def __init__(self, message: str, *, note: bytes = b"") -> None:
        super().__init__(message)
        self.note = note


class CanaryFault(SessionError):
    """Canaries came out wrong: a fault, a wrong consortium key or a stale cache (not proof of malice)."""

    code = "canary-fault"


class TranscriptMismatch(SessionError):
    """The two sides did not see the same bytes."""

    code = "transcript-mismatch"


class EngineFault(SessionError):
    """An engine refused what it was given."""

    code = "engine-fault"


class WorkerDied(SessionError):
    """An engine's child process ended before it answered."""

    code = "worker-died"


class StoreError(PsiError):
    """The node's own state does not allow it."""

    code = "store-error"


class StoreLocked(StoreError):
    """Another process owns the store."""

    code = "store-locked"


class NodeRefusing(StoreError):
    """The log does not extend its head file or a peer's copy; nothing is signed or started until this is mended."""

    code = "node-refusing"
