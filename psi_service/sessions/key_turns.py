"""Whose turn it is to show keys of engine `oprf` to a peer: one session at a time for each agreement and match key.

Sessions of opposite order may overlap. If both draw on the same key before either has begun, one finds it spent, or
shows the key of an epoch that the other has just ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from psi_core.errors import Refused

WORDS = "concurrent: a session of the other order is about to begin with the same key. Try again in a moment."


class KeyTurns:
    """Turns last from choosing a key until the peer has answered the text that shows it."""

    def __init__(self) -> None:
        self._taken: set[tuple[bytes, str]] = set()

    @contextmanager
    def taken(self, agreement: bytes, match_keys: Iterable[str], *, by: str = "") -> Iterator[None]:
        """Take the turns of these match keys. Raises Refused (`concurrent`, by `by`) when one is taken."""
        turns = {(agreement, name) for name in match_keys}
        if turns & self._taken:
            raise Refused("concurrent", WORDS, by=by)
        self._taken |= turns
        try:
            yield
        finally:
            self._taken -= turns
