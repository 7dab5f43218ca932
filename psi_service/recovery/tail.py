"""The end of the own log as a source shows it, checked against a checkpoint that the own log key signed.

Nothing of a source is believed: its leaf hashes, behind the entries that this node has, must lead to the root of a
checkpoint with the own signature, and an entry counts only with the hash that its leaf has.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psi_core.errors import NodeRefusing, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.tree import ReadNode, appended, leaf_hash, root


@dataclass(frozen=True)
class Tail:
    """What `source` shows: a checkpoint with the own signature (`note`), and from `start` to its size every leaf hash.

    `entries` are those in plain, by position; whatever they are worth.
    """

    source: str
    head: Checkpoint
    note: bytes = field(repr=False)
    start: int
    leaves: Sequence[bytes] = field(repr=False)
    entries: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True)
class Known:
    """A head of the own log that somebody remembers: the head file, a peer, an export."""

    source: str
    head: Checkpoint


@dataclass(frozen=True)
class Found:
    """The tail that will be written: leaf hashes, and the entries in plain by position. `sources` had a part in it."""

    start: int
    head: Checkpoint
    note: bytes = field(repr=False)
    leaves: Sequence[bytes] = field(repr=False)
    entries: Mapping[int, bytes] = field(repr=False)
    sources: tuple[str, ...]

    @property
    def undisclosed(self) -> int:
        """How many entries come back as hashes alone."""
        return len(self.leaves) - len(self.entries)


class GrownTree:
    """The stored tree with a tail behind it, in memory."""

    def __init__(self, start: int, read: ReadNode) -> None:
        self.size = start
        self._read = read
        self._nodes: dict[tuple[int, int], bytes] = {}

    def append(self, leaves: Sequence[bytes]) -> None:
        """Put leaf hashes behind the tree."""
        for leaf in leaves:
            for level, position, value in appended(self.size, leaf, self.read):
                self._nodes[level, position] = value
            self.size += 1

    def read(self, level: int, position: int) -> bytes:
        """One node, of the tail or of the stored tree."""
        found = self._nodes.get((level, position))
        return self._read(level, position) if found is None else found


def check_tail(tail: Tail, read: ReadNode) -> GrownTree:
    """Check that the tail leads from the stored tree to its checkpoint; returns the whole tree.

    Raises VerificationError, naming the source.
    """
    tree = GrownTree(tail.start, read)
    if len(tail.leaves) == tail.head.size - tail.start:
        tree.append(tail.leaves)
        if hmac.compare_digest(root(tail.head.size, tree.read), tail.head.root):
            return tree
    raise VerificationError(
        f"what {tail.source} shows of this log does not lead from the entries here to a checkpoint that this node "
        "signed: it was altered, or the log here was forked. Nothing of it was taken"
    )


def found_tail(start: int, tails: Sequence[Tail], known: Sequence[Known], read: ReadNode) -> Found | None:
    """The tail that reaches everything that is known of the log; None when nothing is known beyond `start`.

    Raises VerificationError for a source that shows another log; NodeRefusing when what is known is out of reach,
    or cannot be one log.
    """
    trees = [check_tail(each, read) for each in tails]
    heads = [*known, *(Known(each.source, each.head) for each in tails)]
    furthest = max(heads, key=lambda each: each.head.size, default=None)
    longest = max(range(len(tails)), key=lambda number: tails[number].head.size, default=None)
    reach = GrownTree(start, read) if longest is None else trees[longest]
    if furthest is not None and furthest.head.size > reach.size:
        raise NodeRefusing(
            f"{furthest.source} knows of {furthest.head.size} entries, and nobody who was asked keeps more than "
            f"{reach.size} of them. Name an export that has them with --from, or begin a new log: "
            "psi-node log new-start"
        )
    for each in heads:
        if not hmac.compare_digest(root(each.head.size, reach.read), each.head.root):
            raise NodeRefusing(
                f"the log was forked: what {each.source} knows of its first {each.head.size} entries is not what the "
                "others know. It cannot go on; begin a new log: psi-node log new-start"
            )
    if longest is None or reach.size <= start:
        return None
    return _merged(start, tails, tails[longest])


def best_tail(start: int, tails: Sequence[Tail], read: ReadNode) -> Found | None:
    """The longest tail that leads on from the stored tree, wherever it ends; other sources are passed over."""
    good = []
    for each in tails:
        try:
            check_tail(each, read)
        except VerificationError:
            continue
        good.append(each)
    if not good:
        return None
    return _merged(start, good, max(good, key=lambda each: each.head.size))


def _merged(start: int, tails: Sequence[Tail], longest: Tail) -> Found:
    entries: dict[int, bytes] = {}
    sources = [longest.source]
    for tail in tails:
        before = len(entries)
        for position, data in tail.entries.items():
            number = position - start
            if 0 <= number < len(longest.leaves) and hmac.compare_digest(
                leaf_hash(data), longest.leaves[number]
            ):
                entries.setdefault(position, data)
        if len(entries) > before:
            sources.append(tail.source)
    return Found(start, longest.head, longest.note, longest.leaves, entries, tuple(dict.fromkeys(sources)))
