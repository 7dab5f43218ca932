"""A backup comes back (design.md section 7).

    the live log verifies and goes on from the backup's    it stays, with its ledger; the lists come from the backup
    else                                                   everything comes from the backup; the node refuses to sign

The whole backup is opened and verified beside the node's files first. What was in the folder is moved aside,
never deleted. If this ends half-way (a power cut), run it again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psi_core.errors import Conflict, InvalidConfiguration, NodeRefusing, StoreError
from psi_core.identity.node_keys import NodeKeys
from psi_service.backup.archive import CARD, DATABASE, PROFILE, SETTINGS, Manifest, read_archive
from psi_service.backup.live_log import bring_up_to_date, check_live_log, copied
from psi_service.backup.lost_log import mark_as_lost
from psi_service.backup.merging import merge
from psi_service.backup.secret import BackupSecret
from psi_service.clock import Clock, instant
from psi_service.durable import sync_folder
from psi_service.identity.key_files import read_keys
from psi_service.log.head_file import HeadFile
from psi_service.log.start_rules import checkpoint_of
from psi_service.log.stored_tree import check_tree
from psi_service.settings import Settings
from psi_service.store.lock import StoreLock
from psi_service.store.reading import reading

KEYS_FOLDER, LIVE = "keys", "live"
_FILES = (CARD, PROFILE, KEYS_FOLDER)
_OF_SQLITE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")


@dataclass(frozen=True)
class Plan:
    """What a restore will do. `why` says why the live log cannot stay; empty when it does."""

    manifest: Manifest
    keeps_log: bool
    why: str
    entries: int
    stage: Path = field(repr=False)
    settings: Settings = field(repr=False)
    keys: NodeKeys = field(repr=False)


@dataclass(frozen=True)
class Restored:
    """What was done. `aside` holds what was in the folder before; `withheld` counts budget lines that are spent."""

    lab: str
    made: str
    kept_log: bool
    why: str
    entries: int
    withheld: int
    aside: Path


@contextmanager
def planned(data_dir: Path, file: Path, secret: BackupSecret) -> Iterator[Plan]:
    """Open the backup beside the node's files and decide what will be done; `restore` does it inside the block.

    Raises StoreLocked while a node runs; InputError, VerificationError for the file; Conflict when it is
    another lab's, or sealed its references with another data key.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = StoreLock.take(data_dir)
    try:
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=data_dir) as made:
            stage = Path(made)
            with file.open("rb") as source:
                manifest = read_archive(source, secret, stage)
            yield _plan(data_dir, stage, manifest)
    finally:
        lock.release()


def restore(plan: Plan, clock: Clock) -> Restored:
    """Do what `plan` says. Raises StoreError before anything is changed, OSError when a file cannot be moved."""
    data_dir, now = plan.settings.data_dir, clock()
    database, withheld = plan.stage / DATABASE, 0
    if plan.keeps_log:
        merge(plan.stage / LIVE / DATABASE, database)
        (plan.stage / LIVE / DATABASE).replace(database)
        database.chmod(0o600)
    else:
        withheld = mark_as_lost(database, plan.manifest.made, now)
    aside = data_dir / f"before-restore-{instant(now).replace(':', '')}"
    aside.mkdir(mode=0o700)
    _into_place(plan, aside)
    if not plan.keeps_log:
        _keep_head(plan, aside)
    return Restored(
        plan.manifest.lab, plan.manifest.made, plan.keeps_log, plan.why, plan.entries, withheld, aside
    )


def _plan(data_dir: Path, stage: Path, manifest: Manifest) -> Plan:
    bring_up_to_date(stage / DATABASE)
    settings = Settings.load(data_dir if (data_dir / SETTINGS).is_file() else stage)
    settings = settings.model_copy(update={"data_dir": data_dir.absolute()})
    if settings.lab != manifest.lab:
        raise Conflict(f"the backup is of {manifest.lab}, the folder of {settings.lab}: nothing was changed")
    saved = read_keys(stage / KEYS_FOLDER, manifest.lab)
    try:
        keys = read_keys(settings.keys_dir, settings.lab)
    except InvalidConfiguration:
        keys = saved
    with reading(stage) as backup:
        entries = check_tree(backup)
        try:
            (stage / LIVE).mkdir(mode=0o700)
            copied(data_dir, stage / LIVE)
            size = check_live_log(stage / LIVE, settings.head_path, keys.log.name, backup, saved.log.name)
        except (StoreError, NodeRefusing) as error:
            return Plan(manifest, False, error.message, entries, stage, settings, saved)
    if keys.data_key != saved.data_key:
        raise Conflict(
            "the backup's references are sealed with another data key than the folder's: they stay shut"
        )
    return Plan(manifest, True, "", size, stage, settings, keys)


def _into_place(plan: Plan, aside: Path) -> None:
    """Move what is there aside and the staged files in; settings last: a folder with them is a whole node."""
    data_dir, stage = plan.settings.data_dir, plan.stage
    for name in _OF_SQLITE:
        if (data_dir / name).exists():
            (data_dir / name).replace(aside / name)
    (stage / DATABASE).replace(data_dir / DATABASE)
    keys_stand = plan.keeps_log and _whole(plan.settings)
    for name in (*_FILES, SETTINGS):
        there, saved = data_dir / name, stage / name
        stands = there.exists() and plan.keeps_log and (name != KEYS_FOLDER or keys_stand)
        if stands or not saved.exists():
            continue
        if there.exists():
            there.replace(aside / name)
        saved.replace(there)
    sync_folder(data_dir)


def _whole(settings: Settings) -> bool:
    try:
        read_keys(settings.keys_dir, settings.lab)
    except InvalidConfiguration:
        return False
    return True


def _keep_head(plan: Plan, aside: Path) -> None:
    """Leave a head file that knows more than the backup; else write the backup's."""
    settings = Settings.load(plan.settings.data_dir)
    head_file = HeadFile(settings.head_path)
    with reading(settings.data_dir) as db:
        saved = checkpoint_of(db, plan.keys.log.name, plan.entries)
    try:
        live = head_file.read()
    except NodeRefusing:
        live = None
    if live is not None and live.origin == saved.origin and live.size > saved.size:
        return
    if live is not None and live.origin != saved.origin:
        return  # Of a later log, or not of this lab: either way the node has to refuse.
    if head_file.path.exists():
        shutil.copy2(head_file.path, aside / "head")
    head_file.write(saved)
