"""How much of anything one message of service Peers may hold; both ends check before they use a field.

Signed notes have their own limit (psi_core.log.note). Everything here raises ProtocolFault: what is too large
or of the wrong form was sent by the other node's software, not typed by a person.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from psi_core.errors import ProtocolFault
from psi_core.log.entry import MAX_ENTRY
from psi_core.log.note import MAX_NOTE
from psi_core.wire.peers_pb2 import LogEntry, OwnLogReply, ReadLogReply
from psi_core.wire.session_pb2 import Checkpoint

MAX_PROTOCOLS = 16
MAX_CHECKPOINTS = 64
MAX_CHECKPOINT_NOTE = 8 << 10
MAX_PROOF_HASHES = 64
MAX_LOG_ENTRIES = 256
MAX_LEAVES = 16_384
HASH_BYTES = 32
DELIVER_STATES = frozenset({"waiting", "in_force", "revoked", "known"})

_SESSION_ID = re.compile(r"[0-9a-f]{32}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,63}")


def check_note(name: str, note: bytes, *, optional: bool = False) -> None:
    """A signed note of 1 to 64 KiB; with `optional` it may be absent (empty)."""
    if len(note) > MAX_NOTE:
        raise ProtocolFault(f"{name} has {len(note):,} bytes; at most {MAX_NOTE:,} are allowed")
    if not note and not optional:
        raise ProtocolFault(f"{name} is empty")


def check_session_id(session_id: str) -> None:
    """16 bytes as 32 lower-case hex digits."""
    if not _SESSION_ID.fullmatch(session_id):
        raise ProtocolFault("a session id is not 32 hex digits")


def check_word(name: str, value: str, *, optional: bool = False) -> None:
    """A version, profile or key id: 1 to 64 characters of letters, digits and `._+/-`."""
    if not _WORD.fullmatch(value) and not (optional and value == ""):
        raise ProtocolFault(f"{name} is not a word of 1 to 64 letters, digits and ._+/-")


def check_words(name: str, values: Collection[str]) -> None:
    """1 to 16 words."""
    if not 1 <= len(values) <= MAX_PROTOCOLS:
        raise ProtocolFault(f"{name} has {len(values)} items; 1 to {MAX_PROTOCOLS} are allowed")
    for value in values:
        check_word(name, value)


def check_hash(name: str, value: bytes) -> None:
    """32 bytes."""
    if len(value) != HASH_BYTES:
        raise ProtocolFault(f"{name} has {len(value)} bytes; it must have {HASH_BYTES}")


def check_checkpoint(checkpoint: Checkpoint) -> None:
    """A note of 1 to 8 KiB, its cosigned form (absent, or at most as large), a proof of at most 64 hashes."""
    for name, note in (("a checkpoint", checkpoint.note), ("a cosigned checkpoint", checkpoint.cosigned)):
        if len(note) > MAX_CHECKPOINT_NOTE:
            raise ProtocolFault(
                f"{name} has {len(note):,} bytes; at most {MAX_CHECKPOINT_NOTE:,} are allowed"
            )
    if not checkpoint.note:
        raise ProtocolFault("a checkpoint is empty")
    if len(checkpoint.consistency_proof) > MAX_PROOF_HASHES:
        raise ProtocolFault(f"a consistency proof has more than {MAX_PROOF_HASHES} hashes")
    for value in checkpoint.consistency_proof:
        check_hash("a hash of a consistency proof", value)


def check_log_reply(reply: ReadLogReply) -> None:
    """A file of at most 64 KiB, a proof of at most 64 hashes, at most 256 entries in order, each within bounds."""
    if len(reply.file) > MAX_NOTE:
        raise ProtocolFault(f"a file of the log has {len(reply.file):,} bytes; at most {MAX_NOTE:,} may be")
    if len(reply.proof) > MAX_PROOF_HASHES:
        raise ProtocolFault(f"a proof has more than {MAX_PROOF_HASHES} hashes")
    for value in reply.proof:
        check_hash("a hash of a proof", value)
    _check_entries(reply.entries, reply.next)


def check_own_log_reply(reply: OwnLogReply) -> None:
    """A checkpoint of at most 8 KiB, at most 16,384 whole leaf hashes, entries as in `check_log_reply`."""
    if len(reply.checkpoint) > MAX_CHECKPOINT_NOTE:
        raise ProtocolFault(
            f"a checkpoint has {len(reply.checkpoint):,} bytes; at most {MAX_CHECKPOINT_NOTE:,} may be"
        )
    if len(reply.leaves) % HASH_BYTES or len(reply.leaves) > MAX_LEAVES * HASH_BYTES:
        raise ProtocolFault(
            f"leaf hashes have {len(reply.leaves):,} bytes; at most {MAX_LEAVES:,} of 32 may be"
        )
    _check_entries(reply.entries, reply.next)


def _check_entries(entries: Collection[LogEntry], after: int) -> None:
    if len(entries) > MAX_LOG_ENTRIES:
        raise ProtocolFault(f"{len(entries):,} entries came; at most {MAX_LOG_ENTRIES} may at a time")
    positions = [each.position for each in entries]
    if positions != sorted(set(positions)) or (positions and after <= positions[-1]):
        raise ProtocolFault("entries of the log are out of order")
    if any(len(each.data) > MAX_ENTRY for each in entries):
        raise ProtocolFault(f"an entry of the log is longer than {MAX_ENTRY:,} bytes")


def check_checkpoints(checkpoints: Collection[Checkpoint]) -> None:
    """At most 64 checkpoints."""
    if len(checkpoints) > MAX_CHECKPOINTS:
        raise ProtocolFault(f"{len(checkpoints):,} checkpoints came; at most {MAX_CHECKPOINTS} are allowed")
    for checkpoint in checkpoints:
        check_checkpoint(checkpoint)
