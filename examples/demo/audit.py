"""The end of the demo: both logs are exported and audited, then a planted lie is caught.

The auditor holds two exports, the answers of engine `oprf`, and the keys from two cards; no indicator, and no trust in
either lab.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from examples.demo.failure import DemoError
from examples.demo.node import DemoNode
from psi_client.audit import Auditor, read_keys
from psi_client.audit.report import Report, State
from psi_core.identity.card import Card
from psi_core.log.tiles import decode_bundle, encode_bundle

LIE = "tail removed"


def audit_logs(folder: Path, first: DemoNode, second: DemoNode) -> list[str]:
    """Audit both logs, plant a lie in a copy of the first one, and return what is printed of both.

    Raises DemoError when a claim about the true logs is broken, or the lie is not caught.
    """
    exports = [_export(folder, node) for node in (first, second)]
    keys = folder / "keys"
    cards = [Card.read((node.folder / "card").read_bytes()) for node in (first, second)]
    keys.write_text("".join(f"{key}\n" for card in cards for key in _keys_of(card)))
    truth = _verify(exports, keys)
    if truth.unproven:
        raise DemoError(f"the audit of the demo's own logs failed: {truth.unproven}")
    removed = _remove_tail(exports[0], folder / "lie")
    caught = _verify([folder / "lie", exports[1]], keys)
    if not caught.count(State.BROKEN):
        raise DemoError(f"the planted lie `{LIE}` was not caught")
    return [
        f"{truth.count(State.PROVEN)} claims proven, {truth.count(State.BROKEN)} broken",
        f'planted lie "{LIE}": caught at entry {removed}',
    ]


def _keys_of(card: Card) -> tuple[str, str, str]:
    """Of its log, of its signed texts, and of its cosignatures on the other lab's log."""
    return card.log_key, card.document_key, card.cosigner_key


def _export(folder: Path, node: DemoNode) -> Path:
    place = folder / node.folder.name
    node.psi_node("log", "export", place)
    node.psi_node("bundles", "export", place / "bundles")
    return place


def _verify(exports: Sequence[Path], keys: Path) -> Report:
    return Auditor(read_keys(keys, outside=exports)).verify(list(exports))


def _remove_tail(export: Path, copy: Path) -> int:
    """Copy an export without its last entry, its checkpoint left as it was; returns the entry's position."""
    shutil.copytree(export, copy)
    (newest,) = (copy / "tile" / "entries").rglob("*.p/*")
    entries = decode_bundle(newest.read_bytes())
    newest.write_bytes(encode_bundle(entries[:-1]))
    return len(entries) - 1
