"""A backup of a node, made while it runs: one consistent state of its database, with keys, card, settings and head.

Epoch keys stay out: what was evaluated under a key must not be evaluated under it again once time was set back.
In the copy every epoch has ended, so a node that it is restored to begins new ones. No session goes on from it either.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from psi_core.errors import Conflict, StoreError
from psi_service.backup.archive import (
    CARD,
    DATABASE,
    HEAD,
    KEYS,
    NEEDED,
    PROFILE,
    SETTINGS,
    Held,
    Manifest,
    write_archive,
)
from psi_service.backup.secret import BackupSecret
from psi_service.clock import Clock, instant
from psi_service.settings import Settings
from psi_service.store.reading import copy_store
from psi_service.version import version

_EPOCHS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'epoch_keys'"
_RESUMPTIONS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'resumptions'"
_END_EPOCHS = "UPDATE epoch_keys SET secret = NULL, ended = coalesce(ended, ?)"


@dataclass(frozen=True)
class Backup:
    """What was made: where, when, how large, and how many entries the log in it has."""

    file: Path
    lab: str
    made: str
    bytes: int
    entries: int


def make_backup(settings: Settings, target: Path, secret: BackupSecret, clock: Clock) -> Backup:
    """Write a sealed backup to the new file `target` (mode 0600).

    Raises Conflict when it exists, StoreError when the database is damaged or a file of the node is missing.
    """
    if target.exists():
        raise Conflict(f"{target} exists already: name a new file, so that no backup is lost")
    data = settings.data_dir
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=data) as made:
        folder = Path(made)
        files = {name: data / name for name in (CARD, SETTINGS, PROFILE, *KEYS)}
        if settings.head_path.is_file():
            # Before the database is copied: a log may be ahead of its head file, never behind.
            files[HEAD] = folder / HEAD
            files[HEAD].write_bytes(settings.head_path.read_bytes())
        files[DATABASE] = folder / DATABASE
        copy_store(data, files[DATABASE])
        now = instant(clock())
        entries = _without_epoch_keys(files[DATABASE], now)
        present = {name: path for name, path in files.items() if path.is_file()}
        if missing := sorted(set(NEEDED) - set(present)):
            raise StoreError(f"the node's files are not complete: {', '.join(missing)} missing in {data}")
        held = tuple(Held(name=name, size=path.stat().st_size) for name, path in sorted(present.items()))
        manifest = Manifest(lab=settings.lab, made=now, version=version(), files=held)
        with _new_file(target) as file:
            write_archive(file, secret, manifest, present)
    return Backup(target, settings.lab, manifest.made, target.stat().st_size, entries)


def _without_epoch_keys(copy: Path, made: str) -> int:
    """End every epoch, and leave nothing of its key on free pages either; returns the log's entries."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise StoreError(
                "the database is damaged, and a backup of it would be too: see `psi-node doctor`, and restore one"
            )
        if connection.execute(_EPOCHS).fetchone() is not None:
            connection.execute(_END_EPOCHS, (made,))
        if connection.execute(_RESUMPTIONS).fetchone() is not None:
            connection.execute("DELETE FROM resumptions")
        connection.execute("VACUUM")
        return int(connection.execute("SELECT count(*) FROM log_entries").fetchone()[0])


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that its owner alone may use, under its name only once it is whole and on the disk."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
