"""From a match key's fingerprints to the items of one lane: derivation, dummies, canaries, and what came of them.

A lane always holds exactly its padded size: the snapshot's elements (padded size minus 16: fingerprints and
dummies), then 8 shared canaries, then 8 private ones (a pure sender: 8 fresh dummies).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from psi_core import native_core
from psi_core.errors import CanaryFault
from psi_core.kinds.fields import lengths
from psi_core.kinds.fingerprint import fingerprint
from psi_core.native_core import HASH
from psi_core.session.packed import Packed

SHARED_CANARIES = 8
PRIVATE_CANARIES = 8
CANARY_PLACES = SHARED_CANARIES + PRIVATE_CANARIES
CANARY_KIND = "canary"
"""Reserved: no indicator has this kind."""


def domain(ctx: bytes, match_key: str) -> bytes:
    """The domain of `openmined` and `vole` items: ctx (32 bytes) and the match key's name."""
    return lengths(ctx, match_key)


def item(domain: bytes, fingerprint: bytes) -> bytes:
    """SHA-256(label, domain, fingerprint), each preceded by its length: 32 bytes that mean nothing elsewhere."""
    return hashlib.sha256(lengths("psi-item/v1", domain, fingerprint)).digest()


def items_of(
    domain: bytes, fingerprints: Sequence[bytes], canaries: Sequence[bytes] = (), *, width: int = HASH
) -> Packed:
    """The first `width` bytes of `item` of many fingerprints and then canaries (32 bytes each), in their order."""
    if native_core.native is None:
        return Packed.of((item(domain, each)[:width] for each in (*fingerprints, *canaries)), width)
    packed = Packed.of(fingerprints)
    return Packed(native_core.native.items(domain, packed.buffer, b"".join(canaries), width), width)


def dummy(salt: bytes) -> bytes:
    """A dummy in place of a fingerprint: SHA-256("psi-dummy/v1", salt); opened, it proves that it was no guess."""
    return hashlib.sha256(lengths("psi-dummy/v1", salt)).digest()


def padded_size(elements: int, bucket: int) -> int:
    """The smallest multiple of the agreement's padding bucket that holds the elements and the 16 canary places."""
    return -(-(elements + CANARY_PLACES) // bucket) * bucket


def shared_canaries(
    consortium_key: bytes, initiator_nonce: bytes, responder_nonce: bytes, ctx: bytes, lane: int
) -> tuple[bytes, ...]:
    """The 8 canary fingerprints both labs place in lane `lane`: HKDF (RFC 5869) from both nonces and ctx."""
    found = []
    for index in range(SHARED_CANARIES):
        info = lengths("psi-canary/v1", lane.to_bytes(4, "big"), index.to_bytes(4, "big"))
        value = HKDF(initiator_nonce + responder_nonce, 32, ctx, SHA256, context=info)
        found.append(fingerprint(consortium_key, CANARY_KIND, value.hex()))
    return tuple(found)


@dataclass(frozen=True, repr=False)
class LaneItems:
    """The items of one lane, in snapshot order, and where its canaries stand."""

    items: Packed
    places: LanePlaces


@dataclass(frozen=True)
class LanePlaces:
    """Where things stand in a lane: its elements first, then the canaries."""

    elements: int

    @property
    def shared(self) -> range:
        """Positions of the shared canaries."""
        return range(self.elements, self.elements + SHARED_CANARIES)

    @property
    def private(self) -> range:
        """Positions of the private canaries or fresh dummies."""
        return range(self.elements + SHARED_CANARIES, self.elements + CANARY_PLACES)


def fill(
    domain: bytes,
    elements: Sequence[bytes],
    shared: Sequence[bytes],
    private: Sequence[bytes],
    *,
    width: int = HASH,
) -> LaneItems:
    """Derive the items of one lane from its snapshot's elements and its canaries (fingerprints, 32 bytes each).

    width: bytes of each item, as the engine takes them. Elements are distinct, as `freeze` has checked; that the
    canaries are too, and the items, is as sure as SHA-256 (for `vole`, half of it).
    """
    items = items_of(domain, elements, [*shared, *private], width=width)
    return LaneItems(items, LanePlaces(len(elements)))


def matched_elements(lane: LanePlaces, positions: Sequence[int], match_key: str) -> Sequence[int]:
    """Positions, ascending as given, of matched snapshot elements, without canaries.

    Raises CanaryFault when those came out wrong.
    """
    end = bisect_left(positions, lane.elements)
    found = set(positions[end:])
    missing = sum(place not in found for place in lane.shared)
    false = sum(place in found for place in lane.private)
    if missing or false:
        raise CanaryFault(
            f"lane {match_key}: {missing} of {SHARED_CANARIES} shared canaries did not match and {false} private "
            "ones did. Check that both labs hold the same consortium key (psi peers test)."
        )
    return positions[:end]


def matched_count(count: int, match_key: str) -> int:
    """A count without its shared canaries; raises CanaryFault when it would be negative."""
    if count < SHARED_CANARIES:
        raise CanaryFault(
            f"lane {match_key}: fewer matches than shared canaries. Check that both labs hold the same consortium key."
        )
    return count - SHARED_CANARIES
