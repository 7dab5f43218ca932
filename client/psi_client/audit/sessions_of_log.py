"""Claims about the sessions in one log: what its lab signed, accepted, committed to and learned.

Each reads what the replay of the log found on one topic; see replay/.
"""

from __future__ import annotations

from psi_client.audit.facts import LogFacts
from psi_client.audit.finding import Finding, counted
from psi_client.audit.one_log import all_broken, entries_unmodified, no_checkpoint
from psi_client.audit.report import Place, State

_BY_PLACE = frozenset({"terms", "counters", "chain", "pace", "commitments", "barrier"})
"""Topics that need every text to stand where it was logged first."""


def texts_signed(facts: LogFacts) -> Finding:
    """Every offer, answer, pre-record, abort, agreement and revocation is signed by the lab that it is of."""
    if facts.head.checkpoint is None:
        return no_checkpoint()
    if facts.texts.faults.count:
        return all_broken(facts, facts.texts.faults)
    if facts.ended:
        return Finding(State.NOT_PROVABLE, "not every text of the log could be read")
    if facts.texts.unchecked:
        words = f"{facts.texts.unchecked:,} of {counted(facts.texts.count, 'text')}: KEYS lacks their document key"
        return Finding(State.NOT_PROVABLE, words)
    return Finding(State.PROVEN, f"{counted(facts.texts.count, 'text')}, each by the lab that it names")


def records_signed(facts: LogFacts) -> Finding:
    """Every record that names both labs as signers is signed by both document keys."""
    records = facts.records
    if records.faults.count:
        return all_broken(facts, records.faults)
    if facts.head.checkpoint is None or facts.ended or records.left_out:
        return Finding(State.NOT_PROVABLE, "not every record of the log could be read")
    complete = [each for each in records.by_session.values() if each.complete]
    unchecked = sum(not each.verified for each in complete)
    if unchecked:
        words = (
            f"{unchecked:,} of {counted(len(complete), 'record')}: KEYS lacks the document keys of both labs"
        )
        return Finding(State.NOT_PROVABLE, words)
    waiting = len(records.by_session) - len(complete)
    return Finding(
        State.PROVEN, f"{counted(len(complete), 'record')} by both labs, {waiting:,} by one so far"
    )


def sessions_unique(facts: LogFacts) -> Finding:
    """No session id was used twice, so nothing was replayed."""
    return replayed(facts, "unique", f"{counted(facts.replayed.sessions, 'accepted session')}, each id once")


def counters_complete(facts: LogFacts) -> Finding:
    """The counters of each ordered pair follow each other, and every gap is accounted for."""
    return replayed(facts, "counters", "the counters of every ordered pair, without an unexplained gap")


def records_chained(facts: LogFacts) -> Finding:
    """Each accepted offer names the hash of its pair's last record: nothing was put in between or taken out."""
    return replayed(facts, "chain", "each accepted offer continues from the record before it")


def within_agreement(facts: LogFacts) -> Finding:
    """Each session ran under an agreement that both had signed, that none had revoked, and within its terms."""
    agreements = counted(len(facts.replayed.cited), "agreement")
    words = f"{counted(facts.replayed.sessions, 'session')} under {agreements} in force"
    finding = replayed(facts, "terms", words)
    if finding.state is not State.PROVEN:
        return finding
    shown = tuple(Place(log=facts.log, position=each) for each in facts.replayed.cited[:16])
    return Finding(State.PROVEN, words, shown)


def budgets_kept(facts: LogFacts) -> Finding:
    """Added up by the period in the offers, what the other lab could test stays within each budget."""
    return replayed(
        facts, "budgets", f"{counted(facts.replayed.sessions, 'session')}, added up by the node's own rules"
    )


def pace_kept(facts: LogFacts) -> Finding:
    """Sessions kept the agreed interval, and no more broke late than the agreement allows."""
    return replayed(facts, "pace", "intervals and late aborts are within the agreements")


def committed_before(facts: LogFacts) -> Finding:
    """This lab's sets were committed to before the offer or answer that uses them."""
    words = "every set of this lab, before its session (not: that the engine evaluated it)"
    return replayed(facts, "commitments", words)


def one_key(facts: LogFacts) -> Finding:
    """Each epoch of engine `oprf` has one key, committed in its holder's log before the session that shows it."""
    shown, unchecked = facts.replayed.keys_shown, facts.replayed.keys_unchecked
    finding = replayed(
        facts, "keys", f"{counted(shown, 'key')} shown in lanes of oprf, all committed, one an epoch"
    )
    if finding.state is State.PROVEN and unchecked:
        words = f"{unchecked:,} of {counted(shown, 'key')}: checking them needs the native core (make)"
        return Finding(State.NOT_PROVABLE, words)
    return finding


def announced_before(facts: LogFacts) -> Finding:
    """Every receiver's pre-record stands before the record of its session."""
    return replayed(facts, "barrier", "every receiver announced itself before the record")


def records_follow(facts: LogFacts) -> Finding:
    """Every record is the one that its Offer and Accept give: parameters, sizes, commitments, counter."""
    return replayed(facts, "following", "each record repeats its Offer and Accept, field by field")


def results_consistent(facts: LogFacts) -> Finding:
    """Where both labs learned, counts are equal and no larger than the smaller set; others are sealed."""
    with_counts, sealed = facts.replayed.counted, facts.replayed.sealed
    finding = replayed(facts, "results", f"{counted(with_counts, 'record')} with counts that fit their sets")
    if finding.state is State.PROVEN and sealed:
        words = f"{counted(sealed, 'record')} with the result sealed until the receiver opens it; {with_counts:,} fit"
        return Finding(State.NOT_PROVABLE, words)
    return finding


def replayed(facts: LogFacts, topic: str, words: str) -> Finding:
    """Broken by a fault of the topic; proven only when entries and every signature in them are."""
    if facts.head.checkpoint is None:
        return no_checkpoint()
    if facts.succession.continues is not None and not facts.preceded:
        words = f"it continues {facts.succession.continues.origin}, which was not given"
        return Finding(State.NOT_PROVABLE, words)
    faults = facts.replayed.faults.get(topic)
    if faults and faults.count:
        return all_broken(facts, faults)
    why = _unproven(facts, topic)
    return Finding(State.NOT_PROVABLE, why) if why else Finding(State.PROVEN, words)


def _unproven(facts: LogFacts, topic: str) -> str:
    """Why nothing is proven on a topic without a fault; empty when it is."""
    if entries_unmodified(facts).state is not State.PROVEN or facts.malformed.count:
        return "the entries are not proven"
    if texts_signed(facts).state is not State.PROVEN or records_signed(facts).state is not State.PROVEN:
        return "the signatures of the texts in the log are not proven"
    if facts.replayed.recovered and topic in _BY_PLACE:
        recovered = facts.replayed.recovered
        return f"lost by this lab and logged anew, out of their places: {counted(recovered, 'text')}"
    if facts.replayed.left_out:
        return "too many sessions are open at once to be followed"
    return ""
