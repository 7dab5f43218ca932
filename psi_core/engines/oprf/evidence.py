"""What a sender's note carries of its key: the log entry that holds the statement, and the proof that it is logged."""

from __future__ import annotations

import base64
import binascii

from psi_core.engines.oprf.key import KeyStatement
from psi_core.errors import InvalidProof, InvalidText
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.tree import leaf_hash, verify_inclusion
from psi_core.session.opening import KeyEvidence

FIELD = "oprf_key"
"""The field of the entry's body that holds the statement's text."""


def check_evidence(shown: KeyEvidence, checkpoint: Checkpoint) -> KeyStatement:
    """Return the statement that is shown, once it is proven to be logged and its key to be held.

    checkpoint: the sender's, its signature verified. The caller compares lab, peer, agreement and match key with the
    lane (`lane.check_statement`), and the whole statement with the one it knows of this epoch (`key.check_same`).

    Raises:
        InvalidText: the entry or the statement is malformed.
        InvalidProof: it is not in this log, or the lab does not prove that it holds the key.
    """
    data = _entry(shown)
    path = [bytes.fromhex(node) for node in shown.path]
    verify_inclusion(shown.index, checkpoint.size, leaf_hash(data), path, checkpoint.root)
    statement = _statement(Entry.decode(data))
    statement.check_possession()
    return statement


def unproven_statement(shown: KeyEvidence) -> KeyStatement:
    """Return the statement that is shown, with nothing proven: for its integers alone. Raises InvalidText."""
    return _statement(Entry.decode(_entry(shown)))


def entry_body(statement: KeyStatement) -> dict[str, str]:
    """The body of the entry, of kind `key`, that commits a key."""
    return {FIELD: statement.text()}


def evidence(entry: bytes, index: int, path: list[bytes]) -> KeyEvidence:
    """The evidence for a logged entry, from the log's own inclusion proof."""
    return KeyEvidence(
        entry=base64.b64encode(entry).decode(), index=index, path=tuple(node.hex() for node in path)
    )


def _entry(shown: KeyEvidence) -> bytes:
    try:
        return base64.b64decode(shown.entry, validate=True)
    except binascii.Error:
        raise InvalidText("oprf: the key's log entry is not base64") from None


def _statement(entry: Entry) -> KeyStatement:
    text = entry.body.get(FIELD)
    if entry.kind is not EntryKind.KEY or not isinstance(text, str):
        raise InvalidProof("oprf: the log entry that is shown commits no OPRF key")
    statement = KeyStatement.from_text(text)
    if entry.peer != statement.peer:
        raise InvalidProof("oprf: the log entry and the key statement in it name different peers")
    return statement
