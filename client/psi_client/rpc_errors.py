"""What a failed gRPC call means, in the words of the one error tree; grpc_server/status.py is its other side.

A node that refuses a call sends its error's slug in the trailing metadata `psi-error` (and a policy's rule in
`psi-rule`). Without a slug the failure is gRPC's own: nobody there, a deadline, a limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_core.errors import PeerError, PeerUnreachable, ProtocolFault, PsiError, Refused, SessionAborted

ERROR_KEY = "psi-error"
RULE_KEY = "psi-rule"
MAX_WORDS = 1_000

_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_TOO_LARGE = "larger than max"

_Code = grpc.StatusCode
_NOT_ACCEPTED = (_Code.UNAUTHENTICATED, _Code.PERMISSION_DENIED)
_SEE = "`psi peers test {lab}` says what is wrong."
_FAULTS: Mapping[grpc.StatusCode, tuple[Fault, str]] = {
    _Code.UNAUTHENTICATED: (Fault.NOT_ACCEPTED, f"{{lab}} does not accept this lab's certificate. {_SEE}"),
    _Code.PERMISSION_DENIED: (Fault.NOT_ACCEPTED, f"{{lab}} does not accept this lab's certificate. {_SEE}"),
    _Code.UNAVAILABLE: (Fault.UNREACHABLE, f"{{lab}} cannot be reached, or the connection broke. {_SEE}"),
    _Code.DEADLINE_EXCEEDED: (Fault.TIMEOUT, f"{{lab}} did not answer in time. {_SEE}"),
    _Code.UNIMPLEMENTED: (
        Fault.PROTOCOL,
        "{lab} does not know this call: its software is of another version.",
    ),
    _Code.RESOURCE_EXHAUSTED: (Fault.BUSY, "{lab} is busy; try again later."),
    _Code.OK: (Fault.CLOSED, "the stream with {lab} ended before its time."),
    _Code.CANCELLED: (Fault.CLOSED, "the stream with {lab} ended before its time."),
}
"""What gRPC's own failures mean, where the peer's node has not said anything itself."""


def plain_words(text: str | None) -> str:
    """A peer's words, fit to be shown: at most MAX_WORDS characters, unprintable ones as spaces."""
    kept = "".join(character if character.isprintable() else " " for character in (text or "")[:MAX_WORDS])
    return " ".join(kept.split())


def error_of(lab: str, failure: grpc.aio.AioRpcError) -> PsiError:
    """The error to raise for `failure`, a call to `lab`."""
    metadata = failure.trailing_metadata() or ()
    return error_of_status(lab, failure.code(), failure.details(), dict(metadata))


def error_of_status(
    lab: str, code: grpc.StatusCode, details: str | None, metadata: dict[str, str | bytes]
) -> PsiError:
    """The error to raise for a call to `lab` that ended with `code`; OK: it closed a stream early."""
    slug = _slug(metadata.get(ERROR_KEY))
    if slug is not None:
        return _said(lab, code, slug, plain_words(details), _slug(metadata.get(RULE_KEY)))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in (details or ""):
        return ProtocolFault(f"a message to or from {lab} is larger than one frame may be")
    if code in _FAULTS:
        fault, words = _FAULTS[code]
        return PeerUnreachable(words.format(lab=lab), fault=fault)
    return PeerError(f"the call to {lab} failed with the gRPC status {code.name}")


def _said(lab: str, code: grpc.StatusCode, slug: str, words: str, rule: str | None) -> PsiError:
    if slug == Refused.code:
        return Refused(rule or "unnamed", words, by=lab)
    if code in _NOT_ACCEPTED:
        return PeerUnreachable(f"{lab} does not accept this lab: {words}", fault=Fault.NOT_ACCEPTED)
    if slug == SessionAborted.code:
        return SessionAborted(f"{lab} ended the session: {words}")
    if slug == PeerUnreachable.code:
        return PeerUnreachable(f"{lab} ended the call: {words}", fault=Fault.CLOSED)
    return PeerError(f"{lab} answered: {words} ({slug})")


def _slug(value: str | bytes | None) -> str | None:
    return value if isinstance(value, str) and _SLUG.fullmatch(value) else None
