"""Answering a challenge on the node's own host: beside a running node, or, to disclose, instead of it."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.log.entry import EntryKind
from psi_core.session.challenge import Challenge
from psi_service.clock import Clock, instant
from psi_service.identity.key_files import read_keys
from psi_service.log.node_log import NodeLog
from psi_service.openings.opening import Opened, open_leaves
from psi_service.settings import Settings
from psi_service.store.database import Store
from psi_service.store.reading import reading


def opened(settings: Settings, clock: Clock, challenge: Challenge) -> Opened:
    """Open the drawn leaves for the screen and sign the statement; the node may run. Raises as `open_leaves`."""
    keys = read_keys(settings.keys_dir, settings.lab)
    with reading(settings.data_dir) as db:
        return open_leaves(db, keys, challenge, instant(clock()))


async def disclosed(settings: Settings, clock: Clock, challenge: Challenge) -> Opened:
    """The same with salts and fingerprints for the auditor, and an entry of the log that says so.

    The node must not run: raises StoreLocked; NodeRefusing, and as `open_leaves`.
    """
    keys = read_keys(settings.keys_dir, settings.lab)
    with Store.open(settings.data_dir, clock) as store:
        log = NodeLog(store, keys.log, settings.head_path, clock)
        await log.verify_at_start()

        def work(db: Database) -> Opened:
            found = open_leaves(db, keys, challenge, instant(clock()), disclose=True)
            body = {
                "action": "openings-disclosed",
                "snapshot": challenge.entry,
                "challenge": challenge.hash().hex(),
                "leaves": len(found.leaves),
            }
            log.append(db, EntryKind.ADMIN, body)
            return found

        return await store.transaction(work)
