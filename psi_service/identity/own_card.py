"""This node's own card: made once and kept as a note, so that its fingerprint never changes by itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

from psi_core.errors import InvalidConfiguration
from psi_core.identity.card import Card
from psi_core.identity.instant import moment
from psi_core.identity.node_keys import NodeKeys
from psi_service.identity.key_files import write_private
from psi_service.settings import Settings

CARD_FILE = "card"


class OwnCard(NamedTuple):
    """The card and the signed note that peers are given."""

    card: Card
    note: bytes

    @classmethod
    def read(cls, note: bytes) -> Self:
        """Read a card; raises what Card.read raises."""
        return cls(Card.read(note), note)


def make_card(settings: Settings, keys: NodeKeys, now: datetime) -> OwnCard:
    """A card with the address that the settings advertise. Raises InvalidText."""
    return OwnCard.read(keys.card(settings.lab, settings.advertised, now))


def write_card(data_dir: Path, own: OwnCard) -> None:
    """Keep the card. It replaces an older one: that one's fingerprint is then no longer this node's."""
    new = data_dir / f"{CARD_FILE}.new"
    new.unlink(missing_ok=True)
    write_private(new, own.note)
    new.replace(data_dir / CARD_FILE)


def read_card(settings: Settings, keys: NodeKeys) -> OwnCard:
    """The card that is kept.

    Raises InvalidConfiguration when it is missing, carries other keys, or names another address than the
    settings do: peers that pinned it would dial the old one.
    """
    path = settings.data_dir / CARD_FILE
    try:
        note = path.read_bytes()
    except OSError as error:
        raise InvalidConfiguration(f"the node's card {path} cannot be read ({error.strerror})") from None
    card = Card.read(note)
    if note != keys.card(settings.lab, card.address, moment(card.created)):
        raise InvalidConfiguration(
            f"the card {path} is not of this node's keys; put back what belongs together"
        )
    if card.address != settings.advertised:
        raise InvalidConfiguration(
            f"the card says that peers dial {card.address}, the settings say {settings.advertised}: set "
            "peer_address to the former, or make a new card with `psi-node card --new` for every peer to pin"
        )
    return OwnCard(card, note)
