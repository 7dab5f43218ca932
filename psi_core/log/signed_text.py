"""Signed texts: a type line and one line of canonical JSON, signed as a note.

    psi-offer/v1 LF
    {"...":...} LF

The hash of a signed text is SHA-256 of these two lines, without signatures. No signature is ever made over a
text that came from outside: a node rebuilds the text from its own state, compares, and signs its own.
"""

from __future__ import annotations

import datetime
import hashlib
import unicodedata
from types import TracebackType
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from psi_core.errors import InvalidSignature, InvalidText
from psi_core.log import jcs
from psi_core.log.key import Signer, Verifier
from psi_core.log.note import MAX_NOTE, Note
from psi_core.log.shape import Shape

_LABEL_REST = "(?:[a-z0-9-]{0,61}[a-z0-9])?"
_LAB_NAME = rf"(?:[a-z0-9]{_LABEL_REST}\.)+[a-z]{_LABEL_REST}"
# Hours to 23: newer versions of Python read 24:00:00 as the next day.
_INSTANT = "[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z"


def _calendar(value: str) -> str:
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a date and time of the calendar") from None
    return value


def _visible(value: str) -> str:
    # People read these texts: no control, format (bidi, zero width), surrogate, line or paragraph separator.
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in value):
        raise ValueError("has invisible or control characters")
    return value


Hex16 = Annotated[str, Shape("[0-9a-f]{32}", "is not 32 lower-case hexadecimal digits")]
"""16 bytes in lower-case hexadecimal."""
Hex32 = Annotated[str, Shape("[0-9a-f]{64}", "is not 64 lower-case hexadecimal digits")]
"""32 bytes in lower-case hexadecimal."""
LabName = Annotated[
    str,
    StringConstraints(min_length=3, max_length=253),
    Shape(_LAB_NAME, "is not a lab name (lower case, like a domain: lab-a.example)"),
]
"""A lab, named like a domain of at least two labels, lower case; 3 to 253 characters."""
Count = Annotated[int, Field(ge=0, le=jcs.MAX_INTEGER)]
"""A whole number that JSON carries exactly: 0 to 2^53 - 1."""
Instant = Annotated[
    str, Shape(_INSTANT, "is not a time written YYYY-MM-DDTHH:MM:SSZ"), AfterValidator(_calendar)
]
"""UTC to the second, `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339)."""
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_visible)]
"""1 to 200 visible characters."""


class SignedText(BaseModel):
    """Base of every signed text. A subclass sets TYPE and adds fields; fields that are None are left out."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    TYPE: ClassVar[str]

    def text(self) -> str:
        """Return the two lines that are signed and hashed."""
        body = jcs.encode(self.model_dump(mode="json", exclude_none=True))
        return f"{self.TYPE}\n{body.decode()}\n"

    def hash(self) -> bytes:
        """Return SHA-256 of the text, 32 bytes; signatures are outside it."""
        return hashlib.sha256(self.text().encode()).digest()

    def signed(self, *signers: Signer) -> bytes:
        """Return the text as a note signed by each of `signers` (at least one), in their order."""
        text = self.text()
        return Note(text, tuple(signer.sign(text) for signer in signers)).render()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a text of exactly this type; raises InvalidText unless `text()` would write it the same."""
        type_line, _, rest = text.partition("\n")
        if type_line != cls.TYPE:
            raise InvalidText(f"expected a text of type {cls.TYPE}, got another type")
        line, _, behind = rest.partition("\n")
        if behind or not rest.endswith("\n"):
            raise InvalidText(f"a text of type {cls.TYPE} has exactly two lines, each ended by a line feed")
        data = line.encode(errors="replace")
        read = jcs.decode(data, limit=MAX_NOTE)
        with field_faults(cls.TYPE):
            value = cls.model_validate_json(data)
        # `data` is the one way to write `read`, so equal values mean equal texts.
        if value.model_dump(mode="json", exclude_none=True) != read:
            raise InvalidText(f"a text of type {cls.TYPE} is not written in its one canonical form")
        return value

    @classmethod
    def open(cls, note: bytes, *verifiers: Verifier) -> Self:
        """Read a note that every one of `verifiers` (at least one) has signed.

        Raises InvalidNote, InvalidText, or InvalidSignature when a signature is wrong or missing.
        """
        parsed = Note.parse(note)
        signed = parsed.verified_by(*verifiers)
        for verifier in verifiers:
            if verifier not in signed:
                raise InvalidSignature(f"a text of type {cls.TYPE} lacks the signature of {verifier.name}")
        return cls.from_text(parsed.text)

    @classmethod
    def unverified(cls, note: bytes) -> Self:
        """Read a note without checking any signature: only to learn whose keys to `open` it with."""
        return cls.from_text(Note.parse(note).text)


def text_type(note: bytes) -> str:
    """Return the first line of a note's text, unverified; raises InvalidNote."""
    return Note.parse(note).text.partition("\n")[0]


class field_faults:  # noqa: N801  # a context manager is named like a function; contextlib's own cost more
    """Turn pydantic's ValidationError into InvalidText that names the fields at fault and never a value."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Validate inside."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Raise InvalidText for a ValidationError; any other error goes on."""
        if isinstance(error, ValidationError):
            details = error.errors(include_input=False, include_url=False)[:3]
            raise InvalidText(f"{self._what}: {'; '.join(map(_fault, details))}") from None


def _fault(error: ErrorDetails) -> str:
    where = [str(part) for part in error["loc"]]
    # The name of an unknown field comes from outside and is not repeated.
    if error["type"] == "extra_forbidden":
        return ".".join([*where[:-1], "a field that does not belong here"])
    return f"{'.'.join(where) or 'text'}: {error['msg'].removeprefix('Value error, ')}"
