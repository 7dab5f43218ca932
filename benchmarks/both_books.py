"""What must hold between two nodes that have been through faults, looked at when both have stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlite_utils

from psi_client.audit.auditor import Auditor
from psi_client.audit.keys import read_keys as read_public_keys
from psi_core.errors import TranscriptMismatch
from psi_core.identity.card import Card
from psi_core.log.note import Note
from psi_service.clock import system_clock
from psi_service.identity.key_files import read_keys
from psi_service.log.export import export_log
from psi_service.log.node_log import NodeLog
from psi_service.settings import Settings
from psi_service.store.database import Store

_OVER = {"complete", "aborted", "refused"}

Sessions = Mapping[str, Mapping[str, Any]]


async def check_books(folder: Path, first: Path, second: Path) -> Counter[str]:
    """Check two nodes' data directories; exports and trusted keys are written to `folder`, which is there and empty.

    Each log extends its head file; every session is over, both stores tell the same of it, and only a complete
    one shows matches; one audit of both exports finds nothing broken. Returns the sessions by state.
    Raises NodeRefusing, VerificationError (the audit), TranscriptMismatch (everything else).
    """
    exports, keys, held = [], [], []
    for data_dir in (first, second):
        settings = Settings.load(data_dir)
        exports.append(folder / f"export-{settings.lab}")
        held.append(await _export(settings, exports[-1]))
        card = Card.read((data_dir / "card").read_bytes())
        keys += [card.log_key, card.document_key]
    _compare(*held)
    trusted = folder / "keys"
    trusted.write_text("".join(f"{key}\n" for key in keys))
    Auditor(read_public_keys(trusted, outside=exports)).verify(exports).check()
    everything = {**held[1], **held[0]}
    return Counter(str(row["state"]) for row in everything.values())


async def _export(settings: Settings, target: Path) -> Sessions:
    with Store.open(settings.data_dir, system_clock) as store:
        signer = read_keys(settings.keys_dir, settings.lab).log
        log = NodeLog(store, signer, settings.head_path, system_clock)
        await log.verify_at_start()
        await export_log(store, log, target)
        return await store.query(_sessions)


def _sessions(db: sqlite_utils.Database) -> Sessions:
    rows = {row["session_id"]: row for row in db.query("SELECT session_id, state, record FROM sessions")}
    shown = [found for (found,) in db.execute("SELECT DISTINCT session_id FROM session_matches").fetchall()]
    half = [found for found in shown if found not in rows or rows[found]["state"] != "complete"]
    if half:
        raise TranscriptMismatch(f"matches of sessions that are not complete are shown: {half}")
    return rows


def _compare(ours: Sessions, theirs: Sessions) -> None:
    for session_id in ours.keys() | theirs.keys():
        sides = [each[session_id] for each in (ours, theirs) if session_id in each]
        states = {str(side["state"]) for side in sides}
        complete = "complete" in states
        if states - _OVER or (complete and (len(sides) < 2 or len(states) > 1)):
            raise TranscriptMismatch(f"session {session_id} is {' here and '.join(sorted(states))} there")
        if complete and len({Note.parse(side["record"]).text for side in sides}) > 1:
            raise TranscriptMismatch(f"session {session_id} has two records")
