"""Length-prefixed fields: the one way in which several fields become one input of a hash or an HMAC."""

from __future__ import annotations


def lengths(*fields: bytes | str) -> bytes:
    """Join fields, each preceded by its length as u32be, so that no two lists of fields give the same bytes.

    Text is taken as UTF-8. Used by fingerprints, match keys, items, dummies, canaries and key ids.
    """
    parts: list[bytes] = []
    for field in fields:
        data = field.encode() if isinstance(field, str) else field
        parts.append(len(data).to_bytes(4, "big"))
        parts.append(data)
    return b"".join(parts)
