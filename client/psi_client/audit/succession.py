"""A lab's logs one after the other: closed by the entry that names the next, begun with the end of the one before.

What a log says of its neighbours is read here; the claims are about one log that has any, and about two of one lab.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace

from psi_client.audit.facts import Faults, LogFacts, Succession
from psi_client.audit.finding import Finding
from psi_client.audit.one_log import all_broken, entries_unmodified
from psi_client.audit.report import Place, State
from psi_core.errors import InputError, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry
from psi_core.log.key import Verifier
from psi_core.log.succession import Continuation, successor


class SuccessionReader:
    """Looks at every entry of one log for what it says of the log before and after it."""

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self._verifiers = frozenset(verifiers)
        self._found = Succession()
        self._faults = Faults()

    def take(self, entry: Entry, position: int) -> None:
        """Take the next entry."""
        try:
            continuation, following = Continuation.of(entry), successor(entry)
            if continuation is not None:
                self._continues(continuation, str(entry.body.get("log")), position)
            if following is not None:
                self._closed(following, position)
        except (InputError, VerificationError) as error:
            self._faults.add(f"entry {position}: {error}", position)

    def finish(self, size: int) -> Succession:
        """What was found in a log of `size` entries."""
        at = self._found.closed_at
        if self._found.successor is not None and at + 1 < size:
            words = f"the log goes on behind entry {at}, which closed it for {self._found.successor.name}"
            self._faults.add(words, at + 1)
        return replace(self._found, faults=self._faults)

    def _continues(self, continuation: Continuation, own_key: str, position: int) -> None:
        head = continuation.verified()
        if position:
            self._faults.add(f"entry {position} continues another log, and is not the first", position)
            return
        known = continuation.key in self._verifiers
        self._found = Succession(continuation, head, own_key, old_key_known=known)

    def _closed(self, following: Verifier, position: int) -> None:
        if self._found.successor is not None:
            self._faults.add(f"entry {position} names a second successor of the log", position)
            return
        self._found = replace(self._found, successor=following, closed_at=position)


def succession(facts: LogFacts) -> Finding:
    """A log that has a neighbour begins where the one before ended, or ends with the entry that names the next."""
    found = facts.succession
    if found.faults.count:
        return all_broken(facts, found.faults)
    if found.continues is not None and not facts.preceded:
        words = f"it continues {found.continues.origin}, which was not given: export that too (--past)"
        return Finding(State.NOT_PROVABLE, words)
    if entries_unmodified(facts).state is not State.PROVEN:
        return Finding(State.NOT_PROVABLE, "the entries are not proven")
    parts = []
    if found.continues is not None:
        parts.append(f"it begins with the last checkpoint of {found.continues.origin}")
    if found.successor is not None:
        parts.append(f"its last entry names its successor, {found.successor.name}")
    return Finding(State.PROVEN, "; ".join(parts))


def continues(one: LogFacts, two: LogFacts) -> Finding:
    """Of two logs of one lab the later takes up the earlier exactly where that ended."""
    for old, new in ((one, two), (two, one)):
        found = new.succession
        if found.continues is not None and found.head is not None and found.continues.origin == old.log:
            return _taken_up(old, new)
    return Finding(State.NOT_PROVABLE, "neither continues the other: a log between them was not given")


def _taken_up(old: LogFacts, new: LogFacts) -> Finding:
    found = new.succession
    first = Place(log=new.log, position=0)
    if any(entries_unmodified(log).state is not State.PROVEN for log in (old, new)):
        return Finding(State.NOT_PROVABLE, "the entries of one of the logs are not proven")
    if not found.old_key_known or found.continues is None or found.head is None:
        return Finding(State.NOT_PROVABLE, f"KEYS lacks the key of {old.log} that its successor names")
    head = found.head
    wrong = _misfit(old, new, head, first)
    if wrong is not None:
        return wrong
    if found.continues.known > head.size:
        lost = found.continues.known - head.size
        words = (
            f"a new start: the last {lost:,} known entries of {old.log} are lost, as {new.log} says itself"
        )
        return Finding(State.NOT_PROVABLE, words, (first,))
    words = f"{new.log} takes up {old.log} at its end, entry {head.size - 1:,}"
    return Finding(State.PROVEN, words, (first,))


def _misfit(old: LogFacts, new: LogFacts, head: Checkpoint, first: Place) -> Finding | None:
    """Why the old log does not end where the new one says, or None."""
    if head.size > old.read:
        words = (
            f"{new.log} names a last checkpoint of {head.size:,} entries, and {old.log} has {old.read:,} here"
        )
        return Finding(State.BROKEN, f"{words}: set back, or an older copy (then export it again)", (first,))
    if not hmac.compare_digest(old.root_at(head.size), head.root):
        return Finding(State.BROKEN, f"{new.log} names a checkpoint of another {old.log}: a fork", (first,))
    if old.read > head.size:
        words = f"{old.log} goes on for {old.read - head.size:,} entries behind the end that {new.log} names"
        return Finding(State.BROKEN, words, (Place(log=old.log, position=head.size), first))
    named = old.succession.successor
    rotated = new.succession.continues is not None and new.succession.continues.reason == "rotated"
    if (rotated or named is not None) and str(named) != new.succession.own_key:
        words = f"the last entry of {old.log} does not name the key of {new.log} as its successor"
        return Finding(State.BROKEN, words, (Place(log=old.log, position=old.read - 1), first))
    return None
