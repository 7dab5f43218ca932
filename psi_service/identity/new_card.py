"""A new card for a node that exists: its address has changed. Every peer has to pin it anew."""

from __future__ import annotations

from psi_core.log.entry import EntryKind
from psi_service.clock import Clock
from psi_service.identity.key_files import read_keys
from psi_service.identity.own_card import OwnCard, make_card, write_card
from psi_service.log.node_log import NodeLog
from psi_service.settings import Settings
from psi_service.store.database import Store


async def new_card(settings: Settings, clock: Clock) -> OwnCard:
    """Make, log and keep a card with the address that the settings advertise; keys stay as they are.

    The node must not run: raises StoreLocked; NodeRefusing, InvalidConfiguration, InvalidText.
    """
    keys = read_keys(settings.keys_dir, settings.lab)
    card = make_card(settings, keys, clock())
    with Store.open(settings.data_dir, clock) as store:
        log = NodeLog(store, keys.log, settings.head_path, clock)
        await log.verify_at_start()
        body = {"note": card.note.decode()}
        await store.transaction(lambda db: log.append(db, EntryKind.CARD, body))
        write_card(settings.data_dir, card)
    return card
