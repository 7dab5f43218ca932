"""What a receiver says of its result: its count where both labs learn, else a salted commitment to it."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from pydantic import StringConstraints

from psi_core.errors import ProtocolFault

Claim = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,15}|[0-9a-f]{64})$")]
"""A decimal count, or the 64 hex digits of a commitment."""

SALT_BYTES = 16
_COUNT = re.compile(r"0|[1-9][0-9]{0,15}")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


def claim(count: int, *, both_learn: bool, salt: bytes) -> str:
    """The receiver's claim for one lane. `salt` is 16 random bytes, kept to open the commitment later."""
    return str(count) if both_learn else commitment(count, salt)


def commitment(count: int, salt: bytes) -> str:
    """SHA-256(16-byte salt || u64be count) in hex (design.md section 4, step 8)."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a result's salt has {SALT_BYTES} bytes, this one {len(salt)}")
    return hashlib.sha256(salt + count.to_bytes(8, "big")).hexdigest()


def check_claims(claims: tuple[str, ...], smallest_sizes: tuple[int, ...], *, both_learn: bool) -> None:
    """Check a peer's claims, one per lane: the right form, and no count above the smaller set.

    `smallest_sizes` holds min(own, peer) padded size per lane. Raises ProtocolFault.
    """
    if len(claims) != len(smallest_sizes):
        raise ProtocolFault(f"a Result names {len(claims)} lanes, the session has {len(smallest_sizes)}")
    form = _COUNT if both_learn else _COMMITMENT
    for lane, (value, most) in enumerate(zip(claims, smallest_sizes, strict=True)):
        if not form.fullmatch(value):
            raise ProtocolFault(
                f"the Result of lane {lane} is not a {'count' if both_learn else 'commitment'}"
            )
        if both_learn and int(value) > most:
            raise ProtocolFault(f"the Result of lane {lane} is larger than the smaller of the two sets")
