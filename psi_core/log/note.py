"""Signed notes (c2sp.org/signed-note v1.0.0): a text, an empty line, signature lines.

text ... LF                                    UTF-8, no control character but LF, ends in LF
LF
— <name> <base64(key id[4] || signature)> LF   one to sixteen times
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from psi_core.errors import InvalidNote, InvalidSignature, InvalidText
from psi_core.log.key import Signature, Verifier, check_name

__all__ = ["MAX_NOTE", "MAX_SIGNATURES", "Note", "Signature"]

MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 16

_DASH = "\N{EM DASH} "
_FORBIDDEN = bytes([*range(0x0A), *range(0x0B, 0x20), 0x7F])


@dataclass(frozen=True)
class Note:
    """A text and its signatures (0 to 16). Nothing in it is verified until `verified_by` has returned."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.endswith("\n") or _has_controls(self.text):
            raise InvalidNote("a note's text ends in a line feed and has no other control character")
        if len(self.signatures) > MAX_SIGNATURES:
            raise InvalidNote(f"a note has more than {MAX_SIGNATURES} signatures")

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a note with 1 to 16 signature lines; raises InvalidNote, checks no signature."""
        if len(data) > MAX_NOTE:
            raise InvalidNote(f"a note has {len(data)} bytes, at most {MAX_NOTE} are allowed")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidNote("a note is not UTF-8") from None
        # The *last* empty line separates: the text may have empty lines of its own.
        head, separator, tail = whole.rpartition("\n\n")
        if not separator or not tail.endswith("\n"):
            raise InvalidNote("a note has no signature lines, or does not end in a line feed")
        lines = tail[:-1].split("\n", MAX_SIGNATURES)
        if len(lines) > MAX_SIGNATURES:
            raise InvalidNote(f"a note has more than {MAX_SIGNATURES} signatures")
        return cls(head + "\n", tuple(_parse_line(line) for line in lines))

    def render(self) -> bytes:
        """Return the note's bytes; raises InvalidNote without a signature or above 64 KiB."""
        if not self.signatures:
            raise InvalidNote("a note without a signature is not a note")
        lines = (
            f"{_DASH}{each.name} {base64.b64encode(each.key_id + each.value).decode()}\n"
            for each in self.signatures
        )
        data = (self.text + "\n" + "".join(lines)).encode()
        if len(data) > MAX_NOTE:
            raise InvalidNote(f"a note would have {len(data)} bytes, at most {MAX_NOTE} are allowed")
        return data

    def with_signature(self, signature: Signature) -> Note:
        """Return the note with one signature more at the end; the same signature is not added twice."""
        if signature in self.signatures:
            return self
        return Note(self.text, (*self.signatures, signature))

    def only_by(self, *verifiers: Verifier) -> Note:
        """Return the note with the first signature line of each of `verifiers` alone; checks none of them."""
        first: dict[tuple[str, bytes], Signature] = {}
        for each in self.signatures:
            first.setdefault((each.name, each.key_id), each)
        names = [(verifier.name, verifier.key_id) for verifier in verifiers]
        return Note(self.text, tuple(first[name] for name in names if name in first))

    def verified_by(self, *verifiers: Verifier) -> tuple[Verifier, ...]:
        """Return those of `verifiers` that signed, in the order given, each once.

        Signatures by unknown keys are ignored. Raises InvalidSignature when any signature by a known key
        is wrong, when no known key signed, or when two given keys share name and id.
        """
        known: dict[tuple[str, bytes], Verifier] = {}
        for verifier in verifiers:
            if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
                raise InvalidSignature(
                    f"two different keys named {verifier.name} have the same id: use one of them"
                )
        message = self.text.encode()
        signed = set()
        for signature in self.signatures:
            verifier_or_none = known.get((signature.name, signature.key_id))
            if verifier_or_none is not None:
                verifier_or_none.check(message, signature.value)
                signed.add(verifier_or_none)
        if not signed:
            raise InvalidSignature("a note is not signed by any of the expected keys")
        return tuple(verifier for verifier in known.values() if verifier in signed)


def _has_controls(text: str) -> bool:
    # All of them are single bytes of UTF-8, and leaving them out is four times as fast as a search for them.
    data = text.encode(errors="surrogatepass")
    return len(data.translate(None, _FORBIDDEN)) != len(data)


def _parse_line(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise InvalidNote("a signature line is not: em dash, space, name, space, base64")
    try:
        check_name(name)
        value = binascii.a2b_base64(encoded)
    except (InvalidText, binascii.Error, ValueError):
        raise InvalidNote("a signature line has a malformed name or base64") from None
    # Five bytes: a key id and at least one byte. Writing it again refuses all that the reader passes over.
    if len(value) < 5 or binascii.b2a_base64(value, newline=False).decode() != encoded:
        raise InvalidNote("a signature line has base64 that is too short or not canonical")
    return Signature(name, value[:4], value[4:])
