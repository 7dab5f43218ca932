"""What a peer's auditor sees of a log: entries of that pair, and the lab's own keys and cards; of all others the hash.

A withheld entry is an entry of length 0 in its bundle. Its leaf hash stands in the tile beside it, so the tree can
be checked whole; the random salt inside the entry keeps the hash from being guessed back.
"""

from __future__ import annotations

from psi_core.log.entry import Entry, EntryKind

WITHHELD = b""

_OWN = frozenset({EntryKind.KEY, EntryKind.CARD})


def for_peer(data: bytes, peer: str) -> bytes:
    """The entry as `peer` may see it: itself, or WITHHELD. Raises InvalidText when it is none."""
    if data == WITHHELD:
        return WITHHELD
    entry = Entry.decode(data)
    shown = entry.peer == peer or (entry.peer is None and entry.kind in _OWN)
    return data if shown else WITHHELD
