"""Claims about one log as a log: that it was signed, and that nothing in it was changed.

A claim is a small function, facts -> finding, and a line in a table (claims.py). It opens no file.
"""

from __future__ import annotations

import hmac

from psi_client.audit.facts import Fault, Faults, LogFacts
from psi_client.audit.finding import Finding, entries, first_places
from psi_client.audit.report import Place, State


def checkpoint_signed(facts: LogFacts) -> Finding:
    """The checkpoint is signed by a key of the KEYS file whose name is the log's origin."""
    head = facts.head
    if head.signed and head.checkpoint:
        return Finding(State.PROVEN, f"a checkpoint of {entries(head.checkpoint.size)}")
    return Finding(State.BROKEN if head.key_given else State.NOT_PROVABLE, head.fault)


def entries_unmodified(facts: LogFacts) -> Finding:
    """The entries, in their order, lead to the root that was signed (RFC 6962)."""
    checkpoint = facts.head.checkpoint
    if checkpoint is None:
        return no_checkpoint()
    if facts.ended:
        return _broken(facts, facts.ended)
    if not hmac.compare_digest(facts.root, checkpoint.root):
        if facts.altered.count:
            return all_broken(facts, facts.altered)
        return Finding(State.BROKEN, "the entries do not lead to the checkpoint's root")
    if not facts.head.signed:
        return Finding(
            State.NOT_PROVABLE, "they lead to the root of a checkpoint that no given key has signed"
        )
    hidden = f" ({facts.withheld:,} shown by their hash alone)" if facts.withheld else ""
    return Finding(State.PROVEN, f"{entries(facts.read)}{hidden}, in the order in which they were logged")


def tree_matches(facts: LogFacts) -> Finding:
    """The tree over the entries has the signed root, and every hash tile is a part of that tree."""
    checkpoint = facts.head.checkpoint
    if checkpoint is None:
        return no_checkpoint()
    if facts.ended:
        return Finding(State.NOT_PROVABLE, f"the entries break off after {facts.read:,}")
    if facts.tiles.count:
        return all_broken(facts, facts.tiles)
    if not hmac.compare_digest(facts.root, checkpoint.root):
        return Finding(State.BROKEN, "the tree over the entries has another root than the checkpoint")
    if not facts.head.signed:
        return Finding(State.NOT_PROVABLE, "the checkpoint that gives the root is not signed by a given key")
    return Finding(State.PROVEN, "entries, hash tiles and the signed root are one tree")


def entries_well_formed(facts: LogFacts) -> Finding:
    """Every entry is complete and in its one canonical form (RFC 8785)."""
    if facts.head.checkpoint is None:
        return no_checkpoint()
    if facts.malformed.count:
        return all_broken(facts, facts.malformed)
    if facts.ended:
        return Finding(State.NOT_PROVABLE, f"the first {facts.read:,} are; the others are not there")
    return Finding(State.PROVEN, f"{entries(facts.read - facts.withheld)} in canonical form")


def no_checkpoint() -> Finding:
    """Nothing can be said."""
    return Finding(State.NOT_PROVABLE, "there is no readable checkpoint to hold them against")


def _broken(facts: LogFacts, fault: Fault) -> Finding:
    places = () if fault.position is None else (Place(log=facts.log, position=fault.position),)
    return Finding(State.BROKEN, fault.words, places)


def all_broken(facts: LogFacts, faults: Faults) -> Finding:
    """Broken by the first of the faults, with the places of the first 16; there is at least one."""
    more = f" (and {faults.count - 1:,} more)" if faults.count > 1 else ""
    places = [
        Place(log=facts.log, position=each.position) for each in faults.shown if each.position is not None
    ]
    return Finding(State.BROKEN, faults.shown[0].words + more, first_places(places))
