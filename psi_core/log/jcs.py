"""JSON as it is signed and logged: RFC 8785 (JCS), less everything that two parsers could read differently.

Refused both ways: floats, NaN, integers beyond 2^53 - 1, duplicate keys, lone surrogates, nesting beyond 16.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import rfc8785

from psi_core.errors import InvalidText

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 16


def encode(value: object) -> bytes:
    """Return the canonical form of `value` (str, int, bool, None, list, tuple, dict): UTF-8, one line.

    Raises InvalidText for any other type and for what the module refuses.
    """
    _check(value, 1)
    try:
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
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_bounded_integer,
            object_pairs_hook=_unique_keys,
        )
    except (ValueError, RecursionError):
        raise InvalidText("text is not JSON in UTF-8, or is nested far too deeply") from None
    if encode(value) != data:
        raise InvalidText("JSON text is not in canonical form (RFC 8785)")
    return value


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidText(f"JSON text is nested more than {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidText("JSON object has a key that is not text")
            _check(item, depth + 1)
    else:
        raise InvalidText(
            f"a {type(value).__name__} has no place in signed JSON: write it as an integer or as text"
        )


def _no_float(_text: str) -> NoReturn:
    raise InvalidText("JSON text holds a number that is not an integer")


def _bounded_integer(text: str) -> int:
    # 17 = sign and the 16 digits of 2^53 - 1: int() never sees a long string.
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise InvalidText("JSON text holds an integer beyond 2^53 - 1")
    return int(text)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidText("JSON object has the same key twice")
    return found
