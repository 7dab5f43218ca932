"""Proofs that an entry is in a log, checked offline (c2sp.org/tlog-proof v1).

c2sp.org/tlog-proof@v1 LF
extra <base64> LF               optional; not authenticated
index <decimal> LF
<base64 of 32 bytes> LF         the inclusion proof (RFC 6962 section 2.1.1), sibling of the leaf first
LF
checkpoint note
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from psi_core.errors import InvalidProof
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Verifier
from psi_core.log.note import MAX_NOTE
from psi_core.log.tree import HASH_LENGTH, MAX_PROOF, MAX_SIZE, leaf_hash, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA = 64 * 1024

_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class TlogProof:
    """Entry `index` of the tree under `checkpoint` (a note), with at most 64 hashes of 32 bytes.

    `extra` is opaque and not covered by anything; None when absent.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def render(self) -> bytes:
        """Return the file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += hash_lines(self.hashes)
        return "".join(line + "\n" for line in [*lines, ""]).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Read a proof; raises InvalidProof unless `render` would write the same. Verifies nothing."""
        head, separator, note = data.partition(b"\n\n")
        if not separator or len(note) > MAX_NOTE or len(head) > 2 * MAX_EXTRA:
            raise InvalidProof("a proof file has no checkpoint behind an empty line, or is far too long")
        try:
            header, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise InvalidProof("the first lines of a proof file are not ASCII") from None
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decoded(lines.pop(0).removeprefix("extra "))
        keyword, _, index = (lines.pop(0) if lines else "").partition(" ")
        if header != HEADER or keyword != "index" or not _DECIMAL.fullmatch(index) or int(index) > MAX_SIZE:
            raise InvalidProof(f"a proof file begins with {HEADER} and has an index line")
        proof = cls(int(index), hashes_of(lines, MAX_PROOF), note, extra)
        if proof.render() != data:
            raise InvalidProof("a proof file is not written in its one canonical form")
        return proof

    def verify(self, entry: bytes, log: Verifier) -> Checkpoint:
        """Check that `entry` is in the log that `log` signs; returns the checkpoint. Cosignatures: WitnessPolicy.

        Raises InvalidNote, InvalidSignature, InvalidCheckpoint, InvalidProof.
        """
        checkpoint = Checkpoint.open(self.checkpoint, log)
        verify_inclusion(self.index, checkpoint.size, leaf_hash(entry), self.hashes, checkpoint.root)
        return checkpoint


def hash_lines(hashes: tuple[bytes, ...]) -> list[str]:
    """One line of base64 for each hash, without its line feed."""
    return [base64.b64encode(each).decode() for each in hashes]


def hashes_of(lines: list[str], limit: int) -> tuple[bytes, ...]:
    """Read at most `limit` lines of base64, 32 bytes each; raises InvalidProof."""
    if len(lines) > limit:
        raise InvalidProof(f"a proof has more than {limit} hashes")
    hashes = tuple(decoded(line) for line in lines)
    if any(len(each) != HASH_LENGTH for each in hashes):
        raise InvalidProof("a proof has a hash that is not 32 bytes long")
    return hashes


def decoded(text: str) -> bytes:
    """Read canonical base64; raises InvalidProof."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidProof("a line of a proof is not base64") from None
    if base64.b64encode(value).decode() != text:
        raise InvalidProof("a line of a proof is not canonical base64")
    return value
