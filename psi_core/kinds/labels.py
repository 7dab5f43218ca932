"""Labels: what one lab says of an indicator to a lab whose own indicator matches it.

A label has named fields, which an agreement grants one by one. On the wire every label of a lane has one size, whatever
it says: each field has a fixed width, and what is not said is zeros.

    severity     1 byte                      low, medium, high, critical
    campaign     1 byte of length, 40 bytes  text
    label        1 byte of length, 80 bytes  text
    first_seen   2 bytes                     day, counted from 1970-01-01
    last_seen    2 bytes                     day
    confidence   1 byte                      0 to 100
    tlp          1 byte                      TLP 2.0 (FIRST)

An indicator marked amber+strict or red says nothing to another lab (`WITHHELD`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from psi_core.errors import InvalidText

Label = Mapping[str, str | int]
"""What is said, by field: times are YYYY-MM-DD, confidence is a number. A field that says nothing is left out."""

TLP = ("clear", "green", "amber", "amber+strict", "red")
"""TLP 2.0 (FIRST), from the freest to the most restricted."""
WITHHELD = frozenset({"amber+strict", "red"})
"""Markings that forbid to pass on to another lab what is said."""
SEVERITIES = ("low", "medium", "high", "critical")
"""From the least to the most severe."""

_DAY_ZERO = date(1970, 1, 1)
_MOST_DAYS = 0xFFFF - 1
_CUT = "…"
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class LabelField:
    """One field: bytes on the wire, how it is written there and read, and what several indicators say together.

    `read` raises ValueError for bytes that `write` does not make, zeros for nothing left aside.
    """

    size: int
    write: Callable[[str | int], bytes]
    read: Callable[[bytes], str | int]
    merge: Callable[[Iterable[str | int]], str | int]


def _ranked(names: Sequence[str]) -> LabelField:
    """One of a few words, in rising order."""
    return LabelField(
        1,
        lambda value: bytes([names.index(str(value)) + 1]),
        lambda data: names[data[0] - 1],
        lambda values: max(values, key=lambda value: names.index(str(value))),
    )


def _text(most: int) -> LabelField:
    """Text of at most so many bytes of UTF-8; what is longer is cut, and says so."""

    def write(value: str | int) -> bytes:
        data = str(value).encode()
        if len(data) > most:
            kept = data[: most - len(_CUT.encode())].decode(errors="ignore")
            data = (kept + _CUT).encode()
        return bytes([len(data)]) + data.ljust(most, b"\0")

    def read(data: bytes) -> str:
        length = data[0]
        text = data[1 : 1 + length].decode()
        if length > most or any(data[1 + length :]) or not text.strip():
            raise ValueError("no text of this width")
        if any(unicodedata.category(character) in _UNSEEN for character in text):
            raise ValueError("an invisible or control character")
        return text

    return LabelField(1 + most, write, read, lambda values: "; ".join(sorted(set(map(str, values)))))


def _day(choose: Callable[[Iterable[str]], str]) -> LabelField:
    def write(value: str | int) -> bytes:
        days = (date.fromisoformat(str(value)[:10]) - _DAY_ZERO).days
        return (min(max(days, 0), _MOST_DAYS) + 1).to_bytes(2, "big")

    def read(data: bytes) -> str:
        return (_DAY_ZERO + timedelta(days=int.from_bytes(data, "big") - 1)).isoformat()

    return LabelField(2, write, read, lambda values: choose(map(str, values)))


def _confidence(data: bytes) -> int:
    if data[0] > 101:
        raise ValueError("above 100")
    return data[0] - 1


FIELDS: Mapping[str, LabelField] = MappingProxyType(
    {
        "severity": _ranked(SEVERITIES),
        "campaign": _text(40),
        "label": _text(80),
        "first_seen": _day(min),
        "last_seen": _day(max),
        "confidence": LabelField(
            1, lambda value: bytes([int(value) + 1]), _confidence, lambda values: max(map(int, values))
        ),
        "tlp": _ranked(TLP),
    }
)
"""Every field that an agreement can grant, in the order in which labels have them."""


def label_size(fields: Iterable[str]) -> int:
    """Bytes of a label with these fields; 0 without any."""
    return sum(FIELDS[name].size for name in fields)


def encode(fields: Sequence[str], label: Label) -> bytes:
    """Write what `label` says of these fields, in their fixed widths; empty dicts give zeros."""
    return b"".join(
        FIELDS[name].write(label[name]) if name in label else bytes(FIELDS[name].size) for name in fields
    )


def decode(fields: Sequence[str], data: bytes) -> Label:
    """Read a label that a peer wrote. Raises InvalidText unless it is exactly what `encode` writes."""
    found: dict[str, str | int] = {}
    at = 0
    for name in fields:
        field = FIELDS[name]
        part, at = data[at : at + field.size], at + field.size
        if not any(part):
            continue
        try:
            found[name] = field.read(part)
        except (ValueError, IndexError, OverflowError):
            raise InvalidText(f"a label's field {name} is not written as it must be") from None
    if at != len(data):
        raise InvalidText("a label has another size than its fields give")
    return found


def merged(labels: Sequence[Label]) -> Label:
    """What several indicators say together: highest severity and confidence, first and last time, every text."""
    if len(labels) < 2:
        return labels[0] if labels else {}
    return {
        name: field.merge([label[name] for label in labels if name in label])
        for name, field in FIELDS.items()
        if any(name in label for label in labels)
    }
