"""What was purged while a run lasted: it must not come back with what the run leaves.

A purge takes elements out of the members of the frozen sets, and out of every cache that has a row. A run in progress
holds its set beside both. So once its rows stand, the set is held against the members; a later purge finds the rows.
"""

from __future__ import annotations

import sqlite_utils

from psi_core.session.packed import absent, find
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.members import true_members


def purged_since(db: sqlite_utils.Database, peer: str, frozen: Frozen) -> list[bytes]:
    """The elements (32 bytes each) of a frozen set towards a peer that have left its members since."""
    snapshot = frozen.snapshot
    gone = absent(find(snapshot.elements, true_members(db, peer, frozen.match_key)))
    return [snapshot.elements[place] for place in gone if not snapshot.is_dummy(place)]
