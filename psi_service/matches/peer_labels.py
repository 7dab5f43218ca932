"""What peers say of indicators that matched, as the store keeps it: sealed for the peer, match key and element."""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_utils import Database

from psi_core.kinds.fields import lengths
from psi_core.kinds.labels import Label
from psi_core.log import jcs
from psi_service import sealing

_LABELLED = """
    SELECT peer, actor, match_key, fingerprint, label FROM matches
    WHERE label IS NOT NULL AND (:peer IS NULL OR peer = :peer) AND (:actor IS NULL OR actor = :actor)
"""
_MOST_BYTES = 2048


def seal_label(data_key: bytes, peer: str, match_key: str, element: bytes, label: Label) -> bytes:
    """Seal what a peer says of an element (32 bytes); an empty label too: it says that nothing is said any more."""
    return sealing.seal(data_key, jcs.encode(dict(label)), _bound_to(peer, match_key, element))


def open_label(data_key: bytes, peer: str, match_key: str, element: bytes, sealed: bytes) -> Label:
    """Open what `seal_label` sealed. Raises StoreError for another peer, match key, element or data key."""
    data = sealing.open(data_key, sealed, _bound_to(peer, match_key, element))
    found: dict[str, str | int] = jcs.decode(data, limit=_MOST_BYTES)
    return found


def read_labels(
    db: Database, data_key: bytes, peer: str | None, actor: int | None
) -> Iterator[tuple[tuple[str, int, str], Label]]:
    """What peers said, by (peer, own actor's row id, match key); of one peer or one actor where given."""
    rows = db.conn.execute(_LABELLED, {"peer": peer, "actor": actor})
    for lab, own, match_key, element, sealed in rows:
        yield (lab, own, match_key), open_label(data_key, lab, match_key, element, sealed)


def _bound_to(peer: str, match_key: str, element: bytes) -> bytes:
    return lengths("psi-peer-label/v1", peer, match_key, element)
