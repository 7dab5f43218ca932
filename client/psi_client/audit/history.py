"""Claims about a log's past: that it only grew since it was seen before, and who else has seen it."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

from psi_client.audit.facts import Faults, LogFacts, Saved
from psi_client.audit.finding import Finding, counted, entries
from psi_client.audit.one_log import all_broken, entries_unmodified, no_checkpoint
from psi_client.audit.report import State


def append_only(facts: LogFacts) -> Finding:
    """The log extends each checkpoint that the auditor saved: nothing was set back, changed or forked since."""
    if facts.head.checkpoint is None:
        return no_checkpoint()
    if not facts.saved:
        return Finding(State.NOT_PROVABLE, "no earlier checkpoint of this log was given (--since)")
    if entries_unmodified(facts).state is not State.PROVEN:
        return Finding(State.NOT_PROVABLE, "the entries are not proven")
    for saved in facts.saved:
        if wrong := _against(facts, saved):
            return wrong
    oldest = min(saved.size for saved in facts.saved)
    return Finding(State.PROVEN, f"it only grew, from {entries(oldest)} to {facts.read:,}")


def _against(facts: LogFacts, saved: Saved) -> Finding | None:
    """What speaks against the log by one saved checkpoint, or None."""
    if saved.fault:
        return Finding(State.NOT_PROVABLE, f"the checkpoint given: {saved.fault}")
    if saved.size > facts.read:
        words = f"it had {entries(saved.size)} when its checkpoint was saved, now {facts.read:,}: set back"
        return Finding(State.BROKEN, words)
    if not hmac.compare_digest(facts.root_at(saved.size), saved.root):
        words = f"its first {saved.size:,} entries are not those of the saved checkpoint: changed or forked"
        return Finding(State.BROKEN, words)
    return None


def checkpoints_fit(facts: LogFacts) -> Finding:
    """Checkpoints inside entries are signed; those of this log are of the very entries before them."""
    if facts.head.checkpoint is None:
        return no_checkpoint()
    if facts.copies.faults.count:
        return all_broken(facts, facts.copies.faults)
    if entries_unmodified(facts).state is not State.PROVEN:
        return Finding(State.NOT_PROVABLE, "the entries are not proven")
    misfits = Faults()
    own = [(copy, first) for copy, (first, _) in facts.copies.seen.items() if copy.origin == facts.log]
    for copy, first in own:
        if copy.size > first or not hmac.compare_digest(facts.root_at(copy.size), copy.root):
            misfits.add(f"entry {first} holds a signed checkpoint of another log of this name: a fork", first)
    if misfits.count:
        return all_broken(facts, misfits)
    if facts.copies.unchecked or facts.copies.left_out:
        words = f"{counted(facts.copies.unchecked, 'checkpoint')} in entries, of logs whose key KEYS lacks"
        return Finding(State.NOT_PROVABLE, words)
    others = len(facts.copies.seen) - len(own)
    return Finding(
        State.PROVEN,
        f"{counted(len(own), 'checkpoint')} of this log, each of the entries before it; {others:,} of other logs",
    )


def cosigned(facts: LogFacts) -> Finding:
    """Witnesses saw this log, and by when: with a policy as many as it asks for, else any whose key KEYS holds."""
    seen = facts.witnessed
    if facts.head.checkpoint is None:
        return no_checkpoint()
    if seen.fault or seen.quorum:
        words = f"a cosignature is wrong: {seen.fault}" if seen.fault else str(seen.quorum)
        return Finding(State.BROKEN, words)
    if not seen.names:
        return Finding(State.NOT_PROVABLE, "no checkpoint of it has a cosignature by a key that was given")
    if entries_unmodified(facts).state is not State.PROVEN:
        return Finding(State.NOT_PROVABLE, "the entries are not proven")
    if seen.size > facts.read or not hmac.compare_digest(facts.root_at(seen.size), seen.root):
        words = f"witnesses cosigned {seen.size:,} entries of this log that are not those at hand: set back or forked"
        return Finding(State.BROKEN, words)
    by = ", ".join(seen.names)
    words = f"{seen.size:,} of {facts.read:,} entries existed by {_time(seen.time)}: cosigned by {by}"
    return Finding(State.PROVEN, words)


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"second {seconds} of 1970"
