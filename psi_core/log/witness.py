"""What a log and its witness say to each other (c2sp.org/tlog-witness v1.0.0, add-checkpoint), and the witness's rule.

    request    old <size> LF, at most 63 lines of base64 LF, LF, checkpoint note
    answers    200 cosignature lines      409 the size that the witness has (text/x.tlog.size)
               400 malformed, or old above the checkpoint's size     403 signature     404 origin     422 proof

A witness checks and persists in one step before it answers; otherwise two requests at once could set it back.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from psi_core.errors import Conflict, InvalidCheckpoint, InvalidNote, InvalidProof, InvalidText
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signature, Verifier
from psi_core.log.note import MAX_NOTE, Note
from psi_core.log.proof import hash_lines, hashes_of
from psi_core.log.tree import MAX_SIZE, verify_consistency

MAX_PROOF_LINES = 63
MAX_REQUEST = MAX_NOTE + 64 * 64
SIZE_TYPE = "text/x.tlog.size"

_OLD = re.compile("old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True)
class AddCheckpoint:
    """A request: the consistency proof (at most 63 hashes of 32 bytes) from `old` to the checkpoint `note`."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def render(self) -> bytes:
        """Return the request's body."""
        lines = [f"old {self.old}", *hash_lines(self.proof), ""]
        return "".join(line + "\n" for line in lines).encode() + self.note

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """Read a body; raises InvalidText unless it is well-formed. No signature and no proof is checked."""
        if len(body) > MAX_REQUEST:
            raise InvalidText(f"an add-checkpoint request is longer than {MAX_REQUEST} bytes")
        head, separator, note = body.partition(b"\n\n")
        first, *lines = head.decode("ascii", "replace").split("\n")
        old = _OLD.fullmatch(first)
        if old is None or int(old[1]) > MAX_SIZE or not separator:
            raise InvalidText(
                "an add-checkpoint request is: old <size>, proof lines, an empty line, a checkpoint"
            )
        try:
            proof = hashes_of(lines, MAX_PROOF_LINES)
        except InvalidProof as error:
            raise InvalidText(error.message) from None
        return cls(int(old[1]), proof, note)


def check_advance(latest: Checkpoint | None, old: int, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that a witness whose latest cosigned checkpoint is `latest` (None: never one) may cosign `new`.

    Raises InvalidText (400) when `old` is above `new`; Conflict (409) when `old` is not the size of `latest`;
    InvalidCheckpoint (409) when both have one size and two roots, which is evidence of a fork; InvalidProof (422).
    """
    if old > new.size:
        raise InvalidText("the old size is larger than the checkpoint's")
    size = 0 if latest is None else latest.size
    if old != size:
        raise Conflict(f"the witness has cosigned {size} entries, the proof starts at {old}")
    if latest is not None and latest.size == new.size and not hmac.compare_digest(latest.root, new.root):
        raise InvalidCheckpoint(
            f"the log {new.origin} signed two different trees of {new.size} entries: keep both as evidence"
        )
    if latest is None:
        if proof:
            raise InvalidProof("a proof from size 0 has no hashes")
        return
    verify_consistency(old, new.size, latest.root, new.root, proof)


def cosignature_lines(signatures: Sequence[Signature]) -> bytes:
    """The body of a 200 answer: one or more signature lines."""
    whole = Note("-\n", tuple(signatures)).render()
    return whole.removeprefix(b"-\n\n")


def with_cosignatures(note: bytes, answer: bytes, *witnesses: Verifier) -> Note:
    """Return the checkpoint `note` with those lines of a 200 answer that `witnesses` made; others are left out.

    Raises InvalidNote for lines that are none, InvalidSignature when none or a wrong one is by `witnesses`.
    """
    if len(answer) > MAX_NOTE or not answer.endswith(b"\n"):
        raise InvalidNote("a witness answered with something else than signature lines")
    own = Note.parse(note)
    answered = Note.parse(own.text.encode() + b"\n" + answer)
    answered.verified_by(*witnesses)
    known = {(each.name, each.key_id) for each in witnesses}
    for signature in answered.signatures:
        if (signature.name, signature.key_id) in known:
            own = own.with_signature(signature)
    return own


def size_answer(size: int) -> bytes:
    """The body of a 409 answer."""
    return b"%d\n" % size


def size_of_answer(body: bytes) -> int:
    """The size in a 409 answer; raises InvalidText."""
    found = _SIZE.fullmatch(body)
    if found is None or int(found[1]) > MAX_SIZE:
        raise InvalidText("a witness answered a conflict without its size")
    return int(found[1])
