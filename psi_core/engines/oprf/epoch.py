"""How far an epoch has gone, and when it ends. Pure: the node keeps the numbers, in the transaction that debits."""

from __future__ import annotations

from dataclasses import dataclass

from psi_core.engines.oprf.key import MOST_EVALUATIONS, MOST_TAGS, KeyStatement
from psi_core.errors import EngineFault

HEADROOM = (15, 8)
"""A new epoch allows 15/8 times the first run's sizes: room for changes. Twice would, at 2^20 items and a few more,
make tags a bit longer and pass 8 bytes an item.
"""

LEAST = 1 << 17
"""A new epoch allows at least so many: daily runs of a small set, whose changes come in whole buckets, would end one
after the other. Its tags are two bytes longer for it at most; sets of 2^17 and more are not touched by it.
"""


@dataclass(frozen=True)
class EpochUse:
    """What one key has done so far: items evaluated for the peer, tags ever sent."""

    evaluations: int = 0
    tags: int = 0

    def after(self, statement: KeyStatement, *, evaluations: int, tags: int) -> EpochUse:
        """The use after one more run; raises EngineFault when the epoch has to end first (a new key is drawn)."""
        use = EpochUse(self.evaluations + evaluations, self.tags + tags)
        if use.evaluations > statement.max_evaluations or use.tags > statement.max_tags:
            raise EngineFault(
                f"oprf: epoch {statement.epoch} of {statement.match_key} ends: the run would pass "
                f"{statement.max_evaluations:,} evaluations or {statement.max_tags:,} tags. Start the next epoch."
            )
        return use


def caps(receiver_size: int, sender_size: int) -> tuple[int, int]:
    """(max_evaluations, max_tags) of a new epoch from the padded sizes of its first run.

    Raises EngineFault when even one run is more than a key may evaluate.
    """
    if receiver_size > MOST_EVALUATIONS or sender_size > MOST_TAGS:
        raise EngineFault(f"oprf: a set of more than {MOST_EVALUATIONS:,} items is too large for one key")
    return _with_room(receiver_size, MOST_EVALUATIONS), _with_room(sender_size, MOST_TAGS)


def _with_room(size: int, most: int) -> int:
    times, parts = HEADROOM
    return min(max(size * times // parts, LEAST), most)
