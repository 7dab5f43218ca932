"""Claims about two logs, as tables of small functions: facts of both -> finding; and the records of two labs."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from psi_client.audit import both_logs, succession
from psi_client.audit.facts import LogFacts, SeenRecord
from psi_client.audit.finding import Finding, counted, first_places
from psi_client.audit.report import Place, State

RecordsOfPair = Mapping[bytes, SeenRecord]


def same_records(one: LogFacts, two: LogFacts) -> Finding:
    """A session of the two labs has one record: the same hash in both logs, and none is left out."""
    if unproven := both_logs.grounds(one, two):
        return unproven
    ours, theirs = _of_pair(one, two), _of_pair(two, one)
    broken = _differing(one, two, ours, theirs) or _left_out(one, two, ours, theirs)
    if broken:
        return broken
    shared = len(ours.keys() & theirs.keys())
    if one.records.left_out or two.records.left_out or not shared:
        return Finding(
            State.NOT_PROVABLE, "no session of these two labs is in both, or too many are to be compared"
        )
    return Finding(State.PROVEN, f"{counted(shared, 'session')}, each with the same record in both logs")


TWO_LOGS: Mapping[str, Callable[[LogFacts, LogFacts], Finding]] = {
    "same record in both logs": same_records,
    "session in both logs": both_logs.sessions_in_both,
    "no fork between the labs": both_logs.no_fork,
    "log reached the peer": both_logs.reached_peer,
}
ONE_LAB: Mapping[str, Callable[[LogFacts, LogFacts], Finding]] = {
    "one log continues the other": succession.continues,
}
"""For two logs of one lab."""
TWO_COPIES: Mapping[str, Callable[[LogFacts, LogFacts], Finding]] = {
    "one log for all viewers": both_logs.copies_agree,
}
"""For two folders that hold one log."""


def _of_pair(log: LogFacts, other: LogFacts) -> RecordsOfPair:
    labs = {log.lab, other.lab}
    return {
        session: seen
        for session, seen in log.records.by_session.items()
        if {seen.initiator, seen.responder} == labs
    }


def _of_kin(log: LogFacts, other: LogFacts) -> RecordsOfPair:
    """The records of the two labs in a log and in those before and after it."""
    found: dict[bytes, SeenRecord] = {}
    for each in (log, *log.kin):
        found |= _of_pair(each, other)
    return found


def _differing(one: LogFacts, two: LogFacts, ours: RecordsOfPair, theirs: RecordsOfPair) -> Finding | None:
    sessions = [
        each
        for each in ours.keys() & theirs.keys()
        if not hmac.compare_digest(ours[each].hash, theirs[each].hash)
    ]
    if not sessions:
        return None
    places = [
        Place(log=log.log, position=records[each].position)
        for log, records in ((one, ours), (two, theirs))
        for each in sessions
    ]
    return Finding(
        State.BROKEN,
        f"different records in the two logs: {counted(len(sessions), 'session')}",
        first_places(places),
    )


def _left_out(one: LogFacts, two: LogFacts, ours: RecordsOfPair, theirs: RecordsOfPair) -> Finding | None:
    missing = [*_missing(one, ours, _of_kin(two, one)), *_missing(two, theirs, _of_kin(one, two))]
    certain = [each.place for each in missing if each.passed_over]
    if certain:
        words = f"left out of one log, which has later ones: {counted(len(certain), 'record')} that both labs signed"
        return Finding(State.BROKEN, words, first_places(certain))
    if missing:
        words = f"in one log only: {counted(len(missing), 'record')}; the other may be an older copy, export it again"
        return Finding(State.NOT_PROVABLE, words, first_places(each.place for each in missing))
    return None


@dataclass(frozen=True)
class _Missing:
    """A record with both signatures that the other log lacks; `passed_over`: the other log goes on after it."""

    place: Place
    passed_over: bool


def _missing(log: LogFacts, here: RecordsOfPair, there: RecordsOfPair) -> list[_Missing]:
    # Counters run per ordered pair, so the initiator's name tells the two orders apart.
    latest: dict[str, int] = {}
    for seen in there.values():
        latest[seen.initiator] = max(seen.counter, latest.get(seen.initiator, 0))
    return [
        _Missing(Place(log=log.log, position=seen.position), seen.counter < latest.get(seen.initiator, 0))
        for session, seen in here.items()
        if seen.complete and session not in there
    ]
