"""JSON as it is signed and logged: RFC 8785 (JCS), less everything that two parsers could read differently.

Refused both ways: floats, NaN, integers beyond 2^53 - 1, duplicate keys, lone surrogates, nesting beyond 16.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import rfc8785
from pydantic_core import from_json

from psi_core import native_core
from psi_core.errors import InvalidText

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 16

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[][{}]")
# Writes the same as RFC 8785 for text, small integers and ASCII keys, ten times faster; a test holds it to that.
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def encode(value: object) -> bytes:
    """Return the canonical form of `value` (str, int, bool, None, list, tuple, dict): UTF-8, one line.

    Raises InvalidText for any other type and for what the module refuses.
    """
    plain = _check(value, 1)
    try:
        if plain:
            return _ENCODER.encode(value).encode()
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # _check has just narrowed it at run time
    except ValueError:
        raise InvalidText(
            "a value cannot be written as canonical JSON (an integer beyond 2^53 - 1 or a lone surrogate)"
        ) from None


def decode(data: bytes, *, limit: int) -> Any:
    """Parse at most `limit` bytes of JSON that are already in canonical form.

    Raises InvalidText when they are longer, not JSON, not canonical, or hold what the module refuses.
    """
    if len(data) > limit:
        raise InvalidText(f"JSON text has {len(data)} bytes, at most {limit} are allowed")
    if native_core.native is not None and native_core.native.is_canonical(data):
        # All that is refused below has been looked for already. Values may be secrets: only keys are kept for reuse.
        return from_json(data, cache_strings="keys")
    _check_depth(data)
    keys = _Keys()
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_bounded_integer,
            object_pairs_hook=keys.unique,
        )
        # What JSON can hold besides was refused while it was read, so that only the writing is left to check.
        written = _ENCODER.encode(value).encode() if keys.ascii else rfc8785.dumps(value)
    except UnicodeEncodeError:
        raise InvalidText("JSON text holds a lone surrogate") from None
    except ValueError:
        raise InvalidText("text is not JSON in UTF-8") from None
    if written != data:
        raise InvalidText("JSON text is not in canonical form (RFC 8785)")
    return value


def _check(value: object, depth: int) -> bool:
    """Raise InvalidText for what is refused; returns whether every key of every object is ASCII.

    RFC 8785 sorts keys by UTF-16 code units, Python by code points: for ASCII both are the same.
    """
    if depth > MAX_DEPTH:
        raise InvalidText(f"JSON text is nested more than {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, str):
        return True
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise InvalidText("a value cannot be written as canonical JSON: an integer beyond 2^53 - 1")
        return True
    plain = True
    if isinstance(value, list | tuple):
        for item in value:
            plain &= _check(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidText("JSON object has a key that is not text")
            plain &= key.isascii() & _check(item, depth + 1)
    else:
        raise InvalidText(
            f"a {type(value).__name__} has no place in signed JSON: write it as an integer or as text"
        )
    return plain


def _no_float(_text: str) -> NoReturn:
    raise InvalidText("JSON text holds a number that is not an integer")


def _bounded_integer(text: str) -> int:
    # 17 = sign and the 16 digits of 2^53 - 1: int() never sees a long string.
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise InvalidText("JSON text holds an integer beyond 2^53 - 1")
    return int(text)


class _Keys:
    """Refuses objects with the same key twice; `ascii` says whether every key of the text is ASCII."""

    def __init__(self) -> None:
        self.ascii = True

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise InvalidText("JSON object has the same key twice")
        if self.ascii and not all(map(str.isascii, found)):
            self.ascii = False
        return found


def _check_depth(data: bytes) -> None:
    """Refuse text that is nested too deeply, by its brackets outside strings, before anything parses it."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise InvalidText(f"JSON text is nested more than {MAX_DEPTH} levels deep")
