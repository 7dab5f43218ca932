"""What one pass over one exported log found, with no opinion yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psi_client.audit.bundles import BundleResults
from psi_core.engines.oprf.bundle import CommittedLane
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Verifier
from psi_core.log.succession import Continuation

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
class Witnessed:
    """Cosignatures on a checkpoint of an export: names of cosigners of KEYS, the latest time, what is wrong.

    `size` is that of the checkpoint, -1 when there is none. `quorum` is what the witness policy says of it: empty
    when it holds, None when no policy was given, else what is missing.
    """

    size: int = -1
    root: bytes = b""
    names: tuple[str, ...] = ()
    time: int = 0
    fault: str = ""
    quorum: str | None = None


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


@dataclass
class Texts:
    """How the signed texts of a log stand, records apart: what is wrong, how many lack a key in KEYS."""

    count: int = 0
    unchecked: int = 0
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class RecordedLane:
    """A lane of engine `oprf` in the record at `position`, and what its bundle is held against."""

    position: int
    lane: CommittedLane


@dataclass(frozen=True)
class Replayed:
    """What the replay of the sessions found, by topic (see replay/books.py).

    `sessions` were accepted by this lab, under the agreements in entries `cited`; `counted` records state counts,
    `sealed` ones commitments; `left_out` sessions were too many open at once. `keys_shown` lanes of `oprf` show a
    key, of which `keys_unchecked` could not be checked without the native core; `proven_lanes` are those in records.
    `recovered` texts were logged anew after this lab had lost them, so their places and times say nothing.
    """

    faults: Mapping[str, Faults]
    sessions: int
    cited: tuple[int, ...]
    counted: int
    sealed: int
    left_out: int
    keys_shown: int = 0
    keys_unchecked: int = 0
    proven_lanes: tuple[RecordedLane, ...] = ()
    recovered: int = 0


NOTHING_REPLAYED = Replayed({}, 0, (), 0, 0, 0)


class Copy(NamedTuple):
    """A signed checkpoint of some log, as it was met inside an entry or given by the auditor."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Saved:
    """A checkpoint of this log that the auditor kept (`--since`); `fault` when no key of KEYS signed it."""

    size: int
    root: bytes
    fault: str = ""


@dataclass
class Copies:
    """Checkpoints inside a log's entries, with the first and the last entry that holds each."""

    seen: dict[Copy, tuple[int, int]] = field(default_factory=dict)
    unchecked: int = 0
    left_out: int = 0
    faults: Faults = field(default_factory=Faults)


class Held(NamedTuple):
    """A text of another lab that this log holds: who signed it, its hash, what it is and where."""

    signer: str
    hash: bytes
    kind: str
    position: int


@dataclass
class Holdings:
    """Every text of the log by hash, with its first entry, and those that carry another lab's signature."""

    texts: dict[bytes, int] = field(default_factory=dict)
    of_others: list[Held] = field(default_factory=list)


@dataclass(frozen=True)
class Succession:
    """What a log says of the log before it (its first entry) and after it (its last).

    `head` is the old log's last checkpoint, signed by the old key; `own_key` the key that the first entry gives this
    log. `successor` is named in entry `closed_at`.
    """

    continues: Continuation | None = None
    head: Checkpoint | None = None
    own_key: str = ""
    old_key_known: bool = False
    successor: Verifier | None = None
    closed_at: int = -1
    faults: Faults = field(default_factory=Faults)

    @property
    def present(self) -> bool:
        """Whether the log says anything of a neighbour."""
        return self.continues is not None or self.successor is not None or self.faults.count > 0


def _no_books() -> None:
    return None


def _no_root(_size: int) -> bytes:
    return b""


@dataclass(frozen=True)
class LogFacts:
    """One log: its origin (or folder), its head, `read` entries whose tree has `root`, and every fault.

    `withheld` entries are shown by their hash alone. `root_at` returns the root of the first `size` entries, at
    most `read`. `bundles` are what came of those that the auditor was given. `preceded`: the log that this one
    continues was read before it; `books` carries the replay on. `kin` are the lab's logs before and after it.
    """

    log: str
    head: Head
    read: int = 0
    withheld: int = 0
    root: bytes = b""
    ended: Fault | None = None
    altered: Faults = field(default_factory=Faults)
    tiles: Faults = field(default_factory=Faults)
    malformed: Faults = field(default_factory=Faults)
    records: Records = field(default_factory=Records)
    texts: Texts = field(default_factory=Texts)
    replayed: Replayed = NOTHING_REPLAYED
    copies: Copies = field(default_factory=Copies)
    holdings: Holdings = field(default_factory=Holdings)
    witnessed: Witnessed = field(default_factory=Witnessed)
    saved: tuple[Saved, ...] = ()
    bundles: BundleResults = field(default_factory=dict)
    root_at: Callable[[int], bytes] = _no_root
    succession: Succession = field(default_factory=Succession)
    preceded: bool = False
    books: Callable[[], Any] = _no_books
    kin: tuple[LogFacts, ...] = ()

    def holds(self, text: bytes) -> bool:
        """Whether this log, or another one of its lab in the same succession, holds the text of this hash."""
        return any(text in log.holdings.texts for log in (self, *self.kin))

    @property
    def lab(self) -> str:
        """The lab that the origin names: `lab-a.example/psi-log/2` is of lab-a.example."""
        return self.log.partition("/psi-log")[0]
