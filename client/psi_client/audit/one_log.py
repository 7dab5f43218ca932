"""Claims about one log, as a table of small functions: facts -> finding.

A new claim is a function and a line in the table. A function looks at facts only; it opens no file.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from psi_client.audit.facts import Fault, Faults, LogFacts
from psi_client.audit.finding import Finding, first_places
from psi_client.audit.report import Place, State


def checkpoint_signed(facts: LogFacts) -> Finding:
    """The checkpoint is signed by a key of the KEYS file whose name is the log's origin."""
    head = facts.head
    if head.signed and head.checkpoint:
        return Finding(State.PROVEN, f"a checkpoint of {head.checkpoint.size:,} entries")
    return Finding(State.BROKEN if head.key_given else State.NOT_PROVABLE, head.fault)


def entries_unmodified(facts: LogFacts) -> Finding:
    """The entries, in their order, lead to the root that was signed (RFC 6962)."""
    checkpoint = facts.head.checkpoint
    if checkpoint is None:
        return _no_checkpoint()
    if facts.ended:
        return _broken(facts, facts.ended)
    if not hmac.compare_digest(facts.root, checkpoint.root):
        if facts.altered.count:
            return _all_broken(facts, facts.altered)
        return Finding(State.BROKEN, "the entries do not lead to the checkpoint's root")
    if not facts.head.signed:
        return Finding(
            State.NOT_PROVABLE, "they lead to the root of a checkpoint that no given key has signed"
        )
    return Finding(State.PROVEN, f"{facts.read:,} entries, in the order in which they were logged")


def tree_matches(facts: LogFacts) -> Finding:
    """The tree over the entries has the signed root, and every hash tile is a part of that tree."""
    checkpoint = facts.head.checkpoint
    if checkpoint is None:
        return _no_checkpoint()
    if facts.ended:
        return Finding(State.NOT_PROVABLE, f"the entries break off after {facts.read:,}")
    if facts.tiles.count:
        return _all_broken(facts, facts.tiles)
    if not hmac.compare_digest(facts.root, checkpoint.root):
        return Finding(State.BROKEN, "the tree over the entries has another root than the checkpoint")
    if not facts.head.signed:
        return Finding(State.NOT_PROVABLE, "the checkpoint that gives the root is not signed by a given key")
    return Finding(State.PROVEN, "entries, hash tiles and the signed root are one tree")


def entries_well_formed(facts: LogFacts) -> Finding:
    """Every entry is complete and in its one canonical form (RFC 8785)."""
    if facts.head.checkpoint is None:
        return _no_checkpoint()
    if facts.malformed.count:
        return _all_broken(facts, facts.malformed)
    if facts.ended:
        return Finding(State.NOT_PROVABLE, f"the first {facts.read:,} are; the others are not there")
    return Finding(State.PROVEN, f"{facts.read:,} entries in canonical form")


def records_signed(facts: LogFacts) -> Finding:
    """Every record that names both labs as signers is signed by both document keys."""
    records = facts.records
    if records.faults.count:
        return _all_broken(facts, records.faults)
    if facts.head.checkpoint is None or facts.ended or records.left_out:
        return Finding(State.NOT_PROVABLE, "not every record of the log could be read")
    complete = [each for each in records.by_session.values() if each.complete]
    unchecked = sum(not each.verified for each in complete)
    if unchecked:
        words = f"{unchecked:,} of {len(complete):,} records: KEYS lacks the document keys of both labs"
        return Finding(State.NOT_PROVABLE, words)
    waiting = len(records.by_session) - len(complete)
    return Finding(State.PROVEN, f"{len(complete):,} records by both labs, {waiting:,} by one so far")


ONE_LOG: Mapping[str, Callable[[LogFacts], Finding]] = {
    "checkpoint signed": checkpoint_signed,
    "entries unmodified and in order": entries_unmodified,
    "tree root matches signed checkpoint": tree_matches,
    "entries well-formed": entries_well_formed,
    "records signed": records_signed,
}


def _no_checkpoint() -> Finding:
    return Finding(State.NOT_PROVABLE, "there is no readable checkpoint to hold them against")


def _broken(facts: LogFacts, fault: Fault) -> Finding:
    places = () if fault.position is None else (Place(log=facts.log, position=fault.position),)
    return Finding(State.BROKEN, fault.words, places)


def _all_broken(facts: LogFacts, faults: Faults) -> Finding:
    more = f" (and {faults.count - 1:,} more)" if faults.count > 1 else ""
    places = [
        Place(log=facts.log, position=each.position) for each in faults.shown if each.position is not None
    ]
    return Finding(State.BROKEN, faults.shown[0].words + more, first_places(places))
