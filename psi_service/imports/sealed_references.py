"""Sealed references of actors that a worker has met: each is sealed once, however often the file names it."""

from __future__ import annotations

from functools import lru_cache

from psi_service.actors.reference import seal_reference

REMEMBERED = 50_000
"""Actors that one worker remembers: some 20 MB."""


class SealedReferences:
    """(lookup, sealed) by clean reference, for the last 50,000 actors."""

    def __init__(self, data_key: bytes) -> None:
        @lru_cache(REMEMBERED)
        def of(reference: str) -> tuple[bytes, bytes]:
            return seal_reference(data_key, reference)

        self.of = of

    @staticmethod
    @lru_cache(1)
    def under(data_key: bytes) -> SealedReferences:
        """Those of this process under one data key."""
        return SealedReferences(data_key)
