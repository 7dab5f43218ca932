"""Files around a change of the log key: the next key beside the present one, then in its place, with card and head.

    keys/log.key.next     drawn before anything else is done, so that whoever breaks off goes on with the same key

The store decides: once the next log has begun there, its key belongs in keys/log.key.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from psi_core.errors import InvalidConfiguration
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.entry import Entry
from psi_core.log.key import ED25519, Signer, Verifier
from psi_core.log.succession import number_of
from psi_service.durable import sync_folder
from psi_service.identity.key_files import write_private
from psi_service.identity.own_card import CARD_FILE, OwnCard, write_card
from psi_service.log.head_file import HeadFile
from psi_service.log.start_rules import checkpoint_of
from psi_service.log.stored_tree import read_entry, stored_size
from psi_service.log.succession import due_key
from psi_service.settings import Settings
from psi_service.store.lock import StoreLock
from psi_service.store.reading import reading

LOG_KEY, NEXT_KEY = "log.key", "log.key.next"
CARD_POSITION = 1
"""Of the entry with the new card in a log that continues another one."""


def next_keys(settings: Settings, keys: NodeKeys, origin: str) -> NodeKeys:
    """The node's keys with the next log's: drawn and written down, or those that were drawn for `origin` before."""
    path = settings.keys_dir / NEXT_KEY
    if path.exists():
        waiting = NodeKeys.from_files({**keys.to_files(), LOG_KEY: path.read_bytes()}, keys.lab)
        if waiting.log_origin == origin:
            return waiting
        path.unlink()
    fresh = replace(keys, log=Signer.generate(origin, ED25519))
    write_private(path, fresh.to_files()[LOG_KEY])
    sync_folder(settings.keys_dir)
    return fresh


def finish(settings: Settings) -> OwnCard | None:
    """Put key, card and head file of a log that has begun into their places; None when all is in its place.

    Raises StoreLocked while a node runs, InvalidConfiguration when the key is nowhere, InvalidText for a head file of
    no lab's log.
    """
    lock = StoreLock.take(settings.data_dir)
    try:
        with reading(settings.data_dir) as db:
            due = due_key(db) if "past_logs" in db.table_names() else None
            if due is None:
                return None
            head = checkpoint_of(db, due.name, stored_size(db))
            note = str(Entry.decode(read_entry(db, CARD_POSITION)).body["note"]).encode()
        changed = _key_in_place(settings, due)
        card = OwnCard.read(note)
        if Card.read((settings.data_dir / CARD_FILE).read_bytes()).log_key != str(due):
            write_card(settings.data_dir, card)
            changed = True
        head_file = HeadFile(settings.head_path)
        kept = head_file.read()
        if kept is None or number_of(kept.origin) < number_of(due.name):
            # One of a later log stays: it alone knows that store and keys are from before that began.
            head_file.write(head)
            changed = True
        return card if changed else None
    finally:
        lock.release()


def _key_in_place(settings: Settings, due: Verifier) -> bool:
    there, waiting = settings.keys_dir / LOG_KEY, settings.keys_dir / NEXT_KEY
    if _is(there, due):
        return False
    if not _is(waiting, due):
        raise InvalidConfiguration(
            f"the store's log is {due.name}, and neither {there} nor {waiting} is its key: restore the newest backup"
        )
    waiting.replace(there)
    sync_folder(settings.keys_dir)
    return True


def _is(path: Path, due: Verifier) -> bool:
    try:
        name, _, digits = path.read_bytes().strip().partition(b" ")
        return Signer.from_seed(name.decode(), bytes.fromhex(digits.decode()), ED25519).verifier == due
    except (OSError, ValueError):
        return False
