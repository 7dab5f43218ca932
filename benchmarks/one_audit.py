"""One audit of a made-up export of many entries. Arguments: ENTRIES FOLDER.

The tree is measured over entries as a node logs them, of a kind that carries no signed text. Claims, JSON and
signatures are measured on a tenth as many entries of real sessions, about one signature an entry.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.children import peak_rss
from benchmarks.made_up_log import SESSION_ENTRIES, log_of_sessions
from psi_client.audit import Auditor
from psi_client.audit.folder import LogFolder
from psi_client.audit.tree_check import TreeCheck
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer, Verifier, wrong_signatures
from psi_core.log.note import Note
from psi_core.log.tiles import TILE_WIDTH, layout
from psi_core.log.tree import leaf_hashes, root_of, subtrees
from psi_core.native_core import HASH, available, cut

ORIGIN = "lab-a.example/psi-log"
SESSIONS_SHARE = 10
"""One entry in so many is audited again as part of a session: signing them takes far longer than checking."""


def entries_of(count: int) -> list[bytes]:
    """Encoded entries of about 230 bytes."""
    return [
        Entry(
            EntryKind.ADMIN,
            hashlib.sha256(number.to_bytes(8)).digest()[:16],
            "2026-11-24T09:30:00Z",
            None,
            {"action": "import", "state": "done", "rows": number, "kept": number, "refused": 0},
        ).encode()
        for number in range(count)
    ]


def write_export(folder: Path, entries: Sequence[bytes], signer: Signer) -> None:
    """Write them as `psi-node log export` does."""
    leaves = leaf_hashes(entries)
    levels = subtrees(leaves)

    def read(level: int, position: int) -> bytes:
        return levels[level][position * HASH : (position + 1) * HASH]

    for path, content in layout(len(entries), read, entries.__getitem__):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    checkpoint = Checkpoint(ORIGIN, len(entries), root_of(cut(leaves)), ())
    (folder / "checkpoint").write_bytes(checkpoint.signed(signer))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of the processors: finer than `cpu_seconds` of children.py, and of this process alone."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - cpu


def _check_tree(folder: Path, entries: list[bytes]) -> None:
    """Leaf hashes, tiles, root, and the roots of a hundred earlier sizes, as saved checkpoints ask for them."""
    check = TreeCheck(LogFolder(folder))
    for at in range(0, len(entries), TILE_WIDTH):
        check.take(entries[at : at + TILE_WIDTH])
    check.finish()
    for part in range(100):
        check.root_at(len(entries) * part // 100)


def _hash_twice(entries: list[bytes]) -> None:
    for _ in range(2):
        for entry in entries:
            hashlib.sha256(b"\x00" + entry).digest()


def _sessions(entries: int, folder: Path) -> dict[str, object]:
    """A whole audit of sessions, and what JSON and signatures take of it; microseconds of an entry."""
    log = log_of_sessions(max(1, entries // SESSION_ENTRIES))
    write_export(folder, log.entries, log.log_key)
    auditor = Auditor(log.verifiers)
    auditor.verify([folder]).check()
    decoded = [Entry.decode(entry) for entry in log.entries]
    checks = list(_signatures(decoded, log.verifiers))
    parts = {
        "whole_audit": lambda: auditor.verify([folder]).check(),
        "json": lambda: [Entry.decode(entry) for entry in log.entries],
        "signatures": lambda: wrong_signatures(checks),
    }
    found: dict[str, object] = {"entries": len(log.entries), "signatures": len(checks)}
    for name, work in parts.items():
        seconds, cpu = _timed(work)
        found[f"{name}_us_per_entry"] = round(seconds / len(log.entries) * 1e6, 2)
        found[f"{name}_cpu_us_per_entry"] = round(cpu / len(log.entries) * 1e6, 2)
    return found


def _signatures(
    entries: Sequence[Entry], verifiers: Sequence[Verifier]
) -> Iterator[tuple[Verifier, bytes, bytes]]:
    """Every signature of every note, the checkpoints inside offers and answers apart."""
    keys = {(each.name, each.key_id): each for each in verifiers}
    for entry in entries:
        if isinstance(text := entry.body.get("note"), str):
            note = Note.parse(text.encode())
            for each in note.signatures:
                yield keys[each.name, each.key_id], note.text.encode(), each.value


def main(count: int, folder: Path) -> None:
    """Measure the parts one after another."""
    signer = Signer.generate(ORIGIN)
    entries = entries_of(count)
    write_export(folder / "plain", entries, signer)
    _check_tree(folder / "plain", entries)
    tree = _timed(lambda: _check_tree(folder / "plain", entries))
    plain = _timed(lambda: _hash_twice(entries))
    audit = _timed(lambda: Auditor([signer.verifier]).verify([folder / "plain"]).check())
    found = {
        "seconds": tree[0],
        "cpu_seconds": tree[1],
        "hash_twice": {"seconds": plain[0], "cpu_seconds": plain[1]},
        "bytes": sum(map(len, entries)),
        "peak_rss_bytes": peak_rss(),
        "details": {
            "native_core": available(),
            "plain_audit_us_per_entry": round(audit[0] / count * 1e6, 2),
            "sessions": _sessions(count // SESSIONS_SHARE, folder / "sessions"),
        },
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
