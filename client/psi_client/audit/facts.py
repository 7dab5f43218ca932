"""What one pass over one exported log found, with no opinion yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from psi_core.log.checkpoint import Checkpoint

MAX_SHOWN = 16


@dataclass(frozen=True)
class Fault:
    """Something that does not fit: a sentence, and the entry where it shows, when that can be said."""

    words: str
    position: int | None = None


@dataclass
class Faults:
    """Faults of one sort: all of them counted, the first 16 kept, so that a hostile log fills no memory."""

    count: int = 0
    shown: list[Fault] = field(default_factory=list)

    def add(self, words: str, position: int | None = None) -> None:
        """Note one more fault."""
        self.count += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(Fault(words, position))


@dataclass(frozen=True)
class Head:
    """The checkpoint of an export. Its size and root count for something only when `signed`."""

    checkpoint: Checkpoint | None
    signed: bool
    key_given: bool
    fault: str


@dataclass(frozen=True)
class SeenRecord:
    """A session's record as one log holds it. `position` is where it stood with the most signatures.

    `complete`: signature lines of both labs are there. `verified`: both were checked with keys of the KEYS file.
    """

    hash: bytes
    position: int
    initiator: str
    responder: str
    counter: int
    complete: bool
    verified: bool


@dataclass
class Records:
    """The records of one log by session id (16 bytes), and what is wrong with them."""

    by_session: dict[bytes, SeenRecord] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    left_out: int = 0


@dataclass(frozen=True)
class LogFacts:
    """One log: its origin (or folder), its head, `read` entries whose tree has `root`, and every fault."""

    log: str
    head: Head
    read: int = 0
    root: bytes = b""
    ended: Fault | None = None
    altered: Faults = field(default_factory=Faults)
    tiles: Faults = field(default_factory=Faults)
    malformed: Faults = field(default_factory=Faults)
    records: Records = field(default_factory=Records)

    @property
    def lab(self) -> str:
        """The lab that the origin names: `lab-a.example/psi-log/2` is of lab-a.example."""
        return self.log.partition("/psi-log")[0]
