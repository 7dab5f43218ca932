"""Log entries: canonical JSON with a random salt, at most 65,535 bytes (a tlog-tiles bundle has u16 lengths).

The salt keeps a bare leaf hash from being guessed back to the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import InvalidText
from psi_core.log import jcs
from psi_core.log.signed_text import Hex16, Instant, LabName, field_faults

MAX_ENTRY = 64 * 1024 - 1
SALT_LENGTH = 16
VERSION = 1


class EntryKind(StrEnum):
    """What an entry is about."""

    KEY = "key"
    CARD = "card"
    CONSORTIUM_KEY = "consortium-key"
    AGREEMENT = "agreement"
    REVOCATION = "revocation"
    SNAPSHOT = "snapshot"
    OFFER = "offer"
    DECISION = "decision"
    PRE_RECORD = "pre-record"
    RECORD = "record"
    COUNTERSIGNED = "countersigned"
    ABORT = "abort"
    GAP = "gap"
    CHECKPOINT = "checkpoint"
    ADMIN = "admin"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    kind: Annotated[EntryKind, Field(strict=False)]
    salt: Hex16
    time: Instant
    peer: LabName | None = None
    v: int


@dataclass(frozen=True)
class Entry:
    """One entry: `salt` has 16 random bytes, `time` is RFC 3339 to the second, `peer` names the pair."""

    kind: EntryKind
    salt: bytes
    time: str
    peer: str | None
    body: dict[str, Any]

    def encode(self) -> bytes:
        """Return the entry as it is logged; raises InvalidText when malformed or longer than 65,535 bytes."""
        value = {
            "body": self.body,
            "kind": str(self.kind),
            "salt": self.salt.hex(),
            "time": self.time,
            "v": VERSION,
        }
        if self.peer is not None:
            value["peer"] = self.peer
        data = jcs.encode(value)
        if len(data) > MAX_ENTRY:
            raise InvalidText(f"a log entry would have {len(data)} bytes, at most {MAX_ENTRY} are allowed")
        self.decode(data)
        return data

    @classmethod
    def decode(cls, data: bytes) -> Entry:
        """Read an entry of at most 65,535 bytes; raises InvalidText unless it is complete and canonical."""
        value = jcs.decode(data, limit=MAX_ENTRY)
        body = value.pop("body", None) if isinstance(value, dict) else None
        if not isinstance(body, dict):
            raise InvalidText("a log entry is a JSON object whose body is one too")
        with field_faults("log entry"):
            shape = _Shape.model_validate(value)
        if shape.v != VERSION:
            raise InvalidText(f"a log entry has a version other than {VERSION}: a newer program wrote it")
        if shape.peer is None and "peer" in value:
            raise InvalidText("a log entry names no peer by null instead of leaving the field out")
        return cls(shape.kind, bytes.fromhex(shape.salt), shape.time, shape.peer, body)
