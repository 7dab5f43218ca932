"""Hands every entry of one log to each topic, in order, and keeps what they found."""

from __future__ import annotations

import copy

from psi_client.audit.facts import Faults, Replayed
from psi_client.audit.replay.barrier import Barrier
from psi_client.audit.replay.case import Cases, Topic
from psi_client.audit.replay.chain import Chain
from psi_client.audit.replay.commitments import Commitments
from psi_client.audit.replay.counters import Counters
from psi_client.audit.replay.epoch_keys import EpochKeys
from psi_client.audit.replay.outcomes import Following, Results
from psi_client.audit.replay.proven_chunks import ProvenChunks
from psi_client.audit.replay.terms import Terms
from psi_client.audit.replay.uniqueness import Uniqueness
from psi_client.audit.texts import Opened
from psi_core.log.entry import Entry, EntryKind


class Books:
    """The replay of the log of `own_lab`."""

    def __init__(self, own_lab: str) -> None:
        self._cases = Cases()
        self._recovered = 0
        self._terms = Terms(own_lab)
        self._results = Results()
        self._keys = EpochKeys()
        self._chunks = ProvenChunks()
        # The barrier notes pre-records in the case, the terms ask whether one was noted: so they come first.
        self.topics: dict[str, Topic] = {
            "terms": self._terms,
            "unique": Uniqueness(),
            "counters": Counters(own_lab),
            "chain": Chain(),
            "commitments": Commitments(own_lab),
            "keys": self._keys,
            "chunks": self._chunks,
            "barrier": Barrier(),
            "following": Following(),
            "results": self._results,
        }
        self._interested = {
            kind: [topic for topic in self.topics.values() if kind in topic.KINDS] for kind in EntryKind
        }

    def take(self, entry: Entry, opened: Opened | None, position: int) -> None:
        """Take the next entry with its main text, if it has one."""
        step = self._cases.step(entry, opened, position)
        self._recovered += step.recovered
        for topic in self._interested[entry.kind]:
            topic.take(step)
        self._cases.leave(step)

    def carried(self) -> Books:
        """The books as they stand, with nothing found yet: for the log that continues this one."""
        after = copy.deepcopy(self)
        for topic in after.topics.values():
            topic.faults = Faults()
        after._terms.carry_on()
        after._results.counted = after._results.sealed = 0
        after._keys.shown = after._keys.unchecked = 0
        after._chunks.lanes.clear()
        after._recovered = after._cases.left_out = after._chunks.left_out = 0
        return after

    def finish(self) -> Replayed:
        """Return what was found."""
        for topic in self.topics.values():
            topic.finish()
        faults = {name: topic.faults for name, topic in self.topics.items()}
        return Replayed(
            faults=faults | {"budgets": self._terms.budgets, "pace": self._terms.pace},
            sessions=self._terms.sessions,
            cited=tuple(sorted(self._terms.cited)),
            counted=self._results.counted,
            sealed=self._results.sealed,
            left_out=self._cases.left_out + self._chunks.left_out,
            recovered=self._recovered,
            keys_shown=self._keys.shown,
            keys_unchecked=self._keys.unchecked,
            proven_lanes=tuple(self._chunks.lanes),
        )
