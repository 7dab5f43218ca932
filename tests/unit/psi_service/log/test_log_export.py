"""The exported folder holds the whole log as tlog-tiles, and nothing but it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from psi_core.errors import Conflict, NodeRefusing
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.key import Signer
from psi_core.log.tiles import decode_bundle
from psi_core.log.tree import leaf_hash, root_of
from psi_service.log.export import export_log
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

SIGNER = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


async def _log(store: Store, head: Path, entries: int) -> NodeLog:
    log = NodeLog(store, SIGNER, head, clock)
    await log.verify_at_start()
    await store.transaction(lambda db: [log.append(db, EntryKind.ADMIN, {"n": n}) for n in range(entries)])
    return log


def _files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("entries", "files"),
    [
        (0, ["checkpoint"]),
        (3, ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]),
        (256, ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"]),
        (
            515,
            [
                "checkpoint",
                *(f"tile/0/{name}" for name in ("000", "001", "002.p/3")),
                "tile/1/000.p/2",
                *(f"tile/entries/{name}" for name in ("000", "001", "002.p/3")),
            ],
        ),
    ],
)
async def test_layout_and_contents(tmp_path: Path, entries: int, files: list[str]) -> None:
    target = tmp_path / "export"
    with Store.open(tmp_path / "data", clock) as store:
        log = await _log(store, tmp_path / "head", entries)
        report = await export_log(store, log, target)
        logged = await log.entries(0, 1000)
    assert _files(target) == files
    assert (report.origin, report.size, report.files) == (SIGNER.name, entries, len(files))
    bundles = [name for name in files if name.startswith("tile/entries/")]
    exported = [entry for name in bundles for entry in decode_bundle((target / name).read_bytes())]
    assert exported == logged
    leaves = [leaf_hash(entry) for entry in exported]
    level_0 = [name for name in files if name.startswith("tile/0/")]
    assert b"".join((target / name).read_bytes() for name in level_0) == b"".join(leaves)
    for name in (name for name in files if name.startswith("tile/1/")):
        full = [root_of(leaves[start : start + 256]) for start in range(0, entries // 256 * 256, 256)]
        assert (target / name).read_bytes() == b"".join(full)
    head = Checkpoint.open((target / "checkpoint").read_bytes(), SIGNER.verifier)
    assert head == Checkpoint(SIGNER.name, entries, root_of(leaves))


async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "export"
    with Store.open(tmp_path / "data", clock) as store:
        log = await _log(store, tmp_path / "head", 2)
        await export_log(store, log, target)
        with pytest.raises(Conflict, match="not empty"):
            await export_log(store, log, target)


async def test_a_refusing_node_exports_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data", clock) as store:
        await _log(store, tmp_path / "head", 2)
        (tmp_path / "head").unlink()
        log = NodeLog(store, SIGNER, tmp_path / "head", clock)
        await log.verify_at_start()
        with pytest.raises(NodeRefusing):
            await export_log(store, log, tmp_path / "export")
    assert not (tmp_path / "export").exists()
