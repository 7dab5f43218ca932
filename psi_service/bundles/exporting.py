"""Bundles for an auditor: opened, chunk by chunk, into plain files; beside a running node or without one.

They hold blinded and evaluated elements and proofs, and nothing that says what was blinded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from sqlite_utils import Database

from psi_core.engines.oprf.bundle import BundleHeader
from psi_core.errors import Conflict, NotFound, StoreError
from psi_service.bundles.keeping import FOLDER
from psi_service.bundles.sealed_chunks import read_chunks
from psi_service.store.reading import reading

_HELD = """
    SELECT b.session_id, b.lane, b.match_key, s.peer, s.state, b.items, b.bytes, b.kept_until, b.file
    FROM bundles AS b JOIN sessions AS s USING (session_id)
    WHERE (:peer IS NULL OR s.peer = :peer) ORDER BY s.started, b.lane
"""


class KeptBundle(BaseModel):
    """One lane's bundle as the node holds it; `bytes` are those of its sealed file."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    lane: int
    match_key: str
    peer: str
    state: str
    items: int
    bytes: int
    kept_until: str
    file: str

    @property
    def header(self) -> BundleHeader:
        """The header of the file that is handed over."""
        return BundleHeader(
            session_id=self.session_id, lane=self.lane, match_key=self.match_key, items=self.items
        )


def kept(data_dir: Path, *, peer: str | None = None, sessions: Sequence[str] = ()) -> list[KeptBundle]:
    """The bundles that the node holds, in the order of their sessions. Those whose files are gone are left out.

    Raises NotFound for a session of `sessions` without one, StoreError.
    """
    with reading(data_dir) as db:
        found = [each for each in _held(db, peer) if (data_dir / FOLDER / each.file).is_file()]
    for each in sessions:
        if all(bundle.session_id != each for bundle in found):
            raise NotFound(
                f"no bundle is kept of session {each}: it ran without engine oprf, or the agreement's days are over; "
                "the other lab may have its own"
            )
    return [bundle for bundle in found if not sessions or bundle.session_id in sessions]


def export(data_dir: Path, data_key: bytes, bundles: Sequence[KeptBundle], directory: Path) -> int:
    """Write bundles as plain files below `directory`, each under its name only once it is whole; returns the bytes.

    `data_dir` is the node's folder.

    Raises StoreError for one that is missing or damaged, Conflict when `directory` is no folder.
    """
    if directory.exists() and not directory.is_dir():
        raise Conflict(f"{directory} is no folder: name a new one, or the one of an earlier export")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return sum(
        _write(data_dir / FOLDER / bundle.file, data_key, bundle.header, directory) for bundle in bundles
    )


def _write(sealed: Path, data_key: bytes, header: BundleHeader, directory: Path) -> int:
    target = directory / header.file_name
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(header.text().encode())
            for chunk in read_chunks(sealed, data_key, header):
                file.write(chunk)
        part.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def _held(db: Database, peer: str | None) -> list[KeptBundle]:
    return [KeptBundle.model_validate(row) for row in db.query(_HELD, {"peer": peer})]
