"""Claims that need both labs' logs: nothing that one holds of the other is missing there, and neither was forked."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from psi_client.audit.facts import Copy, LogFacts
from psi_client.audit.finding import Finding, counted, entries, first_places
from psi_client.audit.one_log import entries_unmodified
from psi_client.audit.report import Place, State


def grounds(one: LogFacts, two: LogFacts) -> Finding | None:
    """Why nothing can be proven across these two logs, or None."""
    if one.lab == two.lab:
        return Finding(State.NOT_PROVABLE, "both logs are of one lab")
    if any(entries_unmodified(log).state is not State.PROVEN for log in (one, two)):
        return Finding(State.NOT_PROVABLE, "the entries of one of the logs are not proven")
    return None


def sessions_in_both(one: LogFacts, two: LogFacts) -> Finding:
    """Every text that one lab signed and the other holds stands in the signer's own log too.

    A lab logs what it signs before that leaves. A missing text is evidence when the signer's log holds a later
    checkpoint of the other log, one that covers the text: by then it had been signed.
    """
    if unproven := grounds(one, two):
        return unproven
    certain: list[Place] = []
    open_: list[Place] = []
    compared = 0
    for holder, signer in ((one, two), (two, one)):
        reach = max(
            (copy.size for log in (signer, *signer.kin) for copy in _seen_of(holder, by=log)), default=0
        )
        for held in holder.holdings.of_others:
            if held.signer == signer.lab:
                compared += 1
                if not signer.holds(held.hash):
                    place = Place(log=holder.log, position=held.position)
                    (certain if held.position < reach else open_).append(place)
    if certain:
        words = f"missing in the signer's log: {counted(len(certain), 'text')} that one lab signed and the other holds"
        return Finding(State.BROKEN, words, first_places(certain))
    if open_:
        words = f"missing in the signer's log: {counted(len(open_), 'text')}; it may be an older copy, export it again"
        return Finding(State.NOT_PROVABLE, words, first_places(open_))
    if not compared:
        return Finding(State.NOT_PROVABLE, "neither log holds a text of the other lab that KEYS can verify")
    return Finding(State.PROVEN, f"{counted(compared, 'text')} of either lab, each in both logs")


def no_fork(one: LogFacts, two: LogFacts) -> Finding:
    """Each log is the one that the other lab saw: every checkpoint of it there is of a beginning of it."""
    if unproven := grounds(one, two):
        return unproven
    compared = 0
    lost: list[Place] = []
    for log, viewer in ((one, two), (two, one)):
        for copy in _seen_of(log, by=viewer):
            place = Place(log=viewer.log, position=viewer.copies.seen[copy][0])
            if log.read < copy.size <= _declared(log):
                lost.append(place)
                continue
            if copy.size > log.read:
                words = (
                    f"{viewer.lab} holds a signed checkpoint of {entries(copy.size)} of {log.log}, which has"
                )
                words += (
                    f" {log.read:,} here: set back, or exported earlier than the other (then export it again)"
                )
                return Finding(State.BROKEN, words, (place,))
            if not hmac.compare_digest(log.root_at(copy.size), copy.root):
                words = f"{viewer.lab} holds a signed checkpoint of {entries(copy.size)} of another {log.log}: a fork"
                return Finding(State.BROKEN, words, (place,))
            compared += 1
    if lost:
        words = f"{len(lost):,} checkpoints are of entries that their lab lost, as its next log says itself"
        return Finding(State.NOT_PROVABLE, words, first_places(lost))
    if not compared:
        return Finding(State.NOT_PROVABLE, "neither log holds a checkpoint of the other")
    return Finding(State.PROVEN, f"{counted(compared, 'checkpoint')} that one lab holds of the other's log")


def reached_peer(one: LogFacts, two: LogFacts) -> Finding:
    """Each lab had seen the other's log up to and with the records of their sessions."""
    if unproven := grounds(one, two):
        return unproven
    words = []
    for log, viewer in ((one, two), (two, one)):
        reach = max((copy.size for copy in _seen_of(log, by=viewer)), default=0)
        later = [
            each.position
            for each in log.records.by_session.values()
            if {each.initiator, each.responder} == {one.lab, two.lab} and each.position >= reach
        ]
        if not reach or later:
            seen = f"{viewer.lab} had seen {entries(reach)} of {log.log}"
            why = f"{seen}; {counted(len(later), 'record')} after that"
            places = first_places(Place(log=log.log, position=each) for each in later)
            return Finding(State.NOT_PROVABLE, why, places)
        words.append(f"{viewer.lab} had seen {reach:,} of {log.read:,} entries of {log.log}")
    return Finding(State.PROVEN, "; ".join(words))


def copies_agree(one: LogFacts, two: LogFacts) -> Finding:
    """Two copies of one log, shown to two viewers: the shorter is a beginning of the longer."""
    if any(entries_unmodified(log).state is not State.PROVEN for log in (one, two)):
        return Finding(State.NOT_PROVABLE, "the entries of one of the copies are not proven")
    size = min(one.read, two.read)
    if hmac.compare_digest(one.root_at(size), two.root_at(size)):
        return Finding(State.PROVEN, f"the same first {size:,} entries, of {one.read:,} and {two.read:,}")
    first = _first_difference(one, two, size)
    words = f"a fork: two logs of this name, both signed, that differ from entry {first} on"
    return Finding(State.BROKEN, words, (Place(log=one.log, position=first),))


def _declared(log: LogFacts) -> int:
    """How many entries the next log of the same lab says that this one had; 0 without one."""
    after = (each.succession.continues for each in log.kin)
    return max((each.known for each in after if each and each.origin == log.log), default=0)


def _seen_of(log: LogFacts, *, by: LogFacts) -> Iterator[Copy]:
    """The checkpoints of `log` inside the entries of `by`."""
    return (copy for copy in by.copies.seen if copy.origin == log.log)


def _first_difference(one: LogFacts, two: LogFacts, size: int) -> int:
    same, other = 0, size
    while other - same > 1:
        middle = (same + other) // 2
        if hmac.compare_digest(one.root_at(middle), two.root_at(middle)):
            same = middle
        else:
            other = middle
    return same
