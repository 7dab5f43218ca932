"""What rows say in words, sealed for their actor: once for each actor and text, however many rows repeat it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from psi_service.actors.words import seal_word
from psi_service.imports.attributes import Attributes

REMEMBERED = 20_000
"""Texts that one worker remembers. An actor's rows stand together in most files."""

_FIRST = Attributes._fields.index("severity")
_LAST = _FIRST + 3


class SealedWords:
    """Attributes as columns of the store."""

    def __init__(self, data_key: bytes) -> None:
        @lru_cache(REMEMBERED)
        def sealed(name: str, lookup: bytes, text: str) -> bytes:
            return seal_word(data_key, name, lookup, text)

        self._sealed = sealed

    @staticmethod
    @lru_cache(1)
    def under(data_key: bytes) -> SealedWords:
        """Those of this process under one data key."""
        return SealedWords(data_key)

    def columns(self, attributes: Attributes, lookup: bytes) -> tuple[Any, ...]:
        """The attributes in their order, the words sealed for the actor of this lookup."""
        severity, campaign, label = attributes[_FIRST:_LAST]
        if severity is None and campaign is None and label is None:
            return attributes
        sealed = self._sealed
        return (
            *attributes[:_FIRST],
            None if severity is None else sealed("severity", lookup, severity),
            None if campaign is None else sealed("campaign", lookup, campaign),
            None if label is None else sealed("label", lookup, label),
            *attributes[_LAST:],
        )
