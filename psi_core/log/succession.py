"""One log of a lab after the other: a new log key means a new log, `<lab>/psi-log/<n>`.

    rotation    the old log's last entry names the new log's key; a last checkpoint is signed with the old key, and the
                new log's first entry holds it
    new start   the old log lost its end: the new log's first entry holds the last signed checkpoint at hand, and says
                how far the old log is known to have come

Both are entries of kind `key`. In the first entry the new key vouches for the old log's end, in the last one the old
key for the new log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from psi_core.errors import InvalidCheckpoint, InvalidText
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.jcs import MAX_INTEGER
from psi_core.log.key import ED25519, Verifier

ACTION, SUCCEEDED, CONTINUES = "action", "succeeded", "continues"
Reason = Literal["rotated", "lost"]

_NUMBERED = re.compile(r"(?P<base>.+/psi-log)(/(?P<number>[1-9][0-9]{0,8}))?")


def number_of(origin: str) -> int:
    """Which of a lab's logs it is: 1 for `<lab>/psi-log`, n for `<lab>/psi-log/<n>`. Raises InvalidText."""
    found = _NUMBERED.fullmatch(origin)
    if found is None or found["number"] == "1":
        raise InvalidText("a log's origin is the lab's name and /psi-log, or that and /<n> from 2 on")
    return int(found["number"] or 1)


def origin_after(origin: str, number: int | None = None) -> str:
    """The origin of the log that follows, or of log `number`. Raises InvalidText."""
    following = max(2, number_of(origin) + 1) if number is None else number
    found = _NUMBERED.fullmatch(origin)
    return f"{found['base'] if found else origin}/{following}"


def successor_body(key: Verifier) -> dict[str, Any]:
    """The body of an old log's last entry: the next log's key, whose name is its origin."""
    return {ACTION: SUCCEEDED, "log": str(key)}


def successor(entry: Entry) -> Verifier | None:
    """The key of the log that `entry` names as this log's successor; None for any other entry. Raises InvalidText."""
    if entry.kind is not EntryKind.KEY or entry.body.get(ACTION) != SUCCEEDED:
        return None
    return _log_key(entry.body.get("log"))


@dataclass(frozen=True)
class Continuation:
    """What a log's first entry says of the log before it.

    `checkpoint` is a note: the last one of that log, signed by `key`, perhaps with cosignatures. `known` is how many
    entries of it this lab knew to have existed; more than the checkpoint's size when the end was lost.
    """

    reason: Reason
    key: Verifier
    checkpoint: bytes
    known: int

    @property
    def origin(self) -> str:
        """The old log's name."""
        return self.key.name

    def body(self) -> dict[str, Any]:
        """The fields of the entry's body that say so."""
        return {
            ACTION: CONTINUES,
            "reason": self.reason,
            "old_log": str(self.key),
            "checkpoint": self.checkpoint.decode(),
            "known": self.known,
        }

    @classmethod
    def of(cls, entry: Entry) -> Continuation | None:
        """What `entry` says; None for any other entry. Raises InvalidText when malformed. Verifies nothing."""
        body = entry.body
        if entry.kind is not EntryKind.KEY or body.get(ACTION) != CONTINUES:
            return None
        reason, checkpoint, known = body.get("reason"), body.get("checkpoint"), body.get("known")
        if reason not in ("rotated", "lost") or not isinstance(checkpoint, str):
            raise InvalidText("an entry that continues a log does not say why, or holds no checkpoint")
        if not isinstance(known, int) or not 0 <= known <= MAX_INTEGER:
            raise InvalidText("an entry that continues a log does not say how many entries that had")
        return cls(cast(Reason, reason), _log_key(body.get("old_log")), checkpoint.encode(), known)

    def verified(self) -> Checkpoint:
        """The checkpoint, signed by the old key. Raises InvalidNote, InvalidSignature, InvalidCheckpoint."""
        head = Checkpoint.open(self.checkpoint, self.key)
        if head.size > self.known or (self.reason == "rotated" and head.size != self.known):
            raise InvalidCheckpoint(
                "a log is said to have had another number of entries than its last checkpoint"
            )
        return head


def _log_key(given: object) -> Verifier:
    key = Verifier.parse(str(given))
    if key.type is not ED25519:
        raise InvalidText("a log's key is an Ed25519 key")
    number_of(key.name)
    return key
