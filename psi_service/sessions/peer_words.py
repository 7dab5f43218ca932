"""What the peer said of our matches in one session: read, sealed for the store, and what could not be read told."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from psi_core.engines.interface import Outcome
from psi_core.errors import InvalidText
from psi_core.kinds.labels import Label, decode
from psi_service.matches.peer_labels import seal_label
from psi_service.sessions.open_session import OpenSession

log = structlog.get_logger()


class PeerWords:
    """Labels by lane and place, sealed; and by lane how many did not open, or are not written as they must be."""

    def __init__(self, session: OpenSession, data_key: bytes) -> None:
        self._session = session
        self._data_key = data_key
        self.labels: dict[int, dict[int, bytes]] = {}
        self.unopened: dict[int, int] = {}

    def take(self, lane: int, places: Sequence[int], outcome: Outcome) -> None:
        """Seal the labels of the matches at these places of the lane's snapshot; nothing where none go along."""
        found, unread = {}, outcome.unopened
        frozen, peer = self._session.frozen[lane], self._session.peer.lab
        for place in places if outcome.labels else ():
            data = outcome.labels.get(place)
            if data is None:
                continue
            label: Label = {}
            try:
                label = decode(self._session.peer_fields, data)
            except InvalidText:
                unread += 1
            element = frozen.snapshot.elements[place]
            found[place] = seal_label(self._data_key, peer, frozen.match_key, element, label)
        self.labels[lane] = found
        if unread:
            self.unopened[lane] = unread
            log.warning(
                "labels of a peer did not open",
                session=self._session.session_id,
                peer=peer,
                match_key=frozen.match_key,
                labels=unread,
            )
