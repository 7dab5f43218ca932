"""One audit of a made-up export of many entries. Arguments: ENTRIES FOLDER.

The entries are as a node logs them (salt, time, body in JCS), of a kind that carries no signed text, so that the
parts can be told apart: the tree, the claims and the JSON. Signatures are measured on their own.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.children import peak_rss
from psi_client.audit import Auditor
from psi_client.audit.folder import LogFolder
from psi_client.audit.tree_check import TreeCheck
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer, wrong_signatures
from psi_core.log.tiles import layout
from psi_core.log.tree import leaf_hashes, root_of, subtrees
from psi_core.native_core import HASH, available

ORIGIN = "lab-a.example/psi-log"
SIGNATURES = 2000


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


def write_export(folder: Path, entries: list[bytes], signer: Signer) -> None:
    """Write them as `psi-node log export` does."""
    leaves = leaf_hashes(entries)
    levels = subtrees(leaves)

    def read(level: int, position: int) -> bytes:
        return levels[level][position * HASH : (position + 1) * HASH]

    for path, content in layout(len(entries), read, entries.__getitem__):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    checkpoint = Checkpoint(ORIGIN, len(entries), root_of(leaves), ())
    (folder / "checkpoint").write_bytes(checkpoint.signed(signer))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of the processors: finer than `cpu_seconds` of children.py, and of this process alone."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - cpu


def _check_tree(folder: Path, entries: list[bytes]) -> None:
    """Leaf hashes, tiles, root, and the roots of a hundred earlier sizes, as saved checkpoints ask for them."""
    check = TreeCheck(LogFolder(folder))
    for entry in entries:
        check.append(entry)
    check.finish()
    for part in range(100):
        check.root_at(len(entries) * part // 100)


def _hash_twice(entries: list[bytes]) -> None:
    for _ in range(2):
        for entry in entries:
            hashlib.sha256(b"\x00" + entry).digest()


def main(count: int, folder: Path) -> None:
    """Measure the parts one after another."""
    signer = Signer.generate(ORIGIN)
    entries = entries_of(count)
    write_export(folder, entries, signer)
    checks = [(signer.verifier, entry, signer.sign(entry.decode()).value) for entry in entries[:SIGNATURES]]
    _check_tree(folder, entries)
    tree, plain = _timed(lambda: _check_tree(folder, entries)), _timed(lambda: _hash_twice(entries))
    parsing = _timed(lambda: [Entry.decode(entry) for entry in entries])
    signatures = _timed(lambda: wrong_signatures(checks))
    audit = _timed(lambda: Auditor([signer.verifier]).verify([folder]).check())
    found = {
        "seconds": tree[0],
        "cpu_seconds": tree[1],
        "hash_twice": {"seconds": plain[0], "cpu_seconds": plain[1]},
        "bytes": sum(map(len, entries)),
        "peak_rss_bytes": peak_rss(),
        "details": {
            "native_core": available(),
            "whole_audit_us_per_entry": round(audit[0] / count * 1e6, 2),
            "json_us_per_entry": round(parsing[0] / count * 1e6, 2),
            "us_per_signature": round(signatures[0] / len(checks) * 1e6, 2),
        },
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
