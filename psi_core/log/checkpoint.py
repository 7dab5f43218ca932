"""Checkpoints (c2sp.org/tlog-checkpoint v1.0.0): the signed head of a log.

    origin LF
    size LF                     decimal, no sign, no leading zero
    base64(root) LF             32 bytes
    extension LF                any number of lines, none of them empty

The note's key has the origin as its name.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from psi_core.errors import InvalidCheckpoint, InvalidText
from psi_core.log.key import Signer, Verifier, check_name
from psi_core.log.note import Note
from psi_core.log.tree import EMPTY_ROOT, HASH_LENGTH, MAX_SIZE

MAX_EXTENSIONS = 16

_SIZE = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Checkpoint:
    """A log's name, its number of entries, its 32-byte root, and extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            check_name(self.origin)
        except InvalidText:
            raise InvalidCheckpoint("a checkpoint's origin is not a key name") from None
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_LENGTH:
            raise InvalidCheckpoint(
                "a checkpoint has a size outside 0 .. 2^63 - 1, or a root of other than 32 bytes"
            )
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise InvalidCheckpoint("a checkpoint of size 0 has another root than SHA-256 of nothing")
        if len(self.extensions) > MAX_EXTENSIONS or any(not each or "\n" in each for each in self.extensions):
            raise InvalidCheckpoint(
                f"a checkpoint has an empty extension line, or more than {MAX_EXTENSIONS}"
            )

    def text(self) -> str:
        """Return the lines that are signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(line + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint's text; raises InvalidCheckpoint unless `text()` would write the same."""
        lines = text.split("\n", 4 + MAX_EXTENSIONS)
        if len(lines) < 4 or lines.pop() != "":
            raise InvalidCheckpoint("a checkpoint has at least three lines, each ended by a line feed")
        origin, size, encoded, *extensions = lines
        if not _SIZE.fullmatch(size):
            raise InvalidCheckpoint("a checkpoint's size is not a plain decimal number")
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidCheckpoint("a checkpoint's root is not base64") from None
        checkpoint = cls(origin, int(size), root, tuple(extensions))
        if checkpoint.text() != text:
            raise InvalidCheckpoint("a checkpoint is not written in its one canonical form")
        return checkpoint

    def signed(self, signer: Signer) -> bytes:
        """Return the checkpoint as a note; raises InvalidCheckpoint for a key not named like the origin."""
        if signer.name != self.origin:
            raise InvalidCheckpoint(f"a checkpoint of {self.origin} is signed by a key of that name only")
        text = self.text()
        return Note(text, (signer.sign(text),)).render()

    @classmethod
    def open(cls, note: bytes, verifier: Verifier) -> Checkpoint:
        """Read a checkpoint signed by `verifier`, whose name must be the origin.

        Raises InvalidNote, InvalidSignature, InvalidCheckpoint.
        """
        parsed = Note.parse(note)
        parsed.verified_by(verifier)
        checkpoint = cls.parse(parsed.text)
        if checkpoint.origin != verifier.name:
            raise InvalidCheckpoint(f"a checkpoint signed by {verifier.name} names another origin")
        return checkpoint
