"""Which labels the sender of an incremental run sends: of tags that come, and of those that stay with another label.

Labels of some other tags that stay are sent again too, sealed afresh, so that their number is a whole delta bucket:
the same ones whenever a run is made again on the same generation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psi_core import native_core
from psi_core.engines.labels import label_frames
from psi_core.engines.oprf.delta_lane import DeltaLane
from psi_core.engines.oprf.generation import Generation, delta_size, width_of
from psi_core.engines.oprf.labels import sealed_by_tag
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.said import DIGEST_BYTES, Said, digests
from psi_core.engines.oprf.tag_frames import encode_frames
from psi_core.errors import EngineFault


class Relabelling:
    """The labels of one run: whose digests have changed, and which ones go along again."""

    def __init__(self, lane: DeltaLane, known: Recalled) -> None:
        """known: the lane's items. Raises EngineFault when more labels have changed than the lane states."""
        said, labels = lane.generation.said, lane.labels
        if said is None or labels is None:
            raise EngineFault(f"oprf: lane {lane.match_key} gives no labels")
        self._lane, self._known = replace(lane, begun=None), known
        self._given, self._before = labels, said
        begun = lane.begun.digests if lane.begun is not None else b""
        more = labels.own[len(begun) // DIGEST_BYTES * said.size :]
        self._digests = begun + digests(said.key, said.size, more)
        self._changed = said.differing(known.rows, self._digests)
        others = lane.relabelled - len(self._changed)
        if others < 0:
            # The peer is told these words: how many there are is not for it.
            raise EngineFault(
                f"oprf: lane {lane.match_key} has more changed labels than the {lane.relabelled:,} stated"
            )
        passed = {*known.unknown, *self._changed}
        filling = said.filling(lane.generation.name.hash, known.items, others, passed) if others else []
        self._again = self._changed + filling

    def frames(self) -> Iterator[bytes]:
        """Yield the tags that stay and are said again, then the labels of these and of new tags, in the order of all.

        To be drawn once the unknown items are learnt.
        """
        lane, known, width = self._lane, self._known, width_of(self._lane.statement)
        again = native_core.native.oprf_sort(known.tags_of(self._again), width)
        yield from encode_frames(again, lane.statement.tag_bits)
        places = [*known.unknown, *self._again]
        own, size = self._given.own, self._given.sent
        said = b"".join(own[at * size : (at + 1) * size] for at in places)
        tags, outputs = known.tags_of(places), known.outputs_of(places)
        yield from label_frames(sealed_by_tag(self._given, lane.ctx, outputs, tags, width, said), size)

    def said(self) -> Said:
        """For the run's segment: digests of the unknown items' labels, in their order, and of those that changed."""
        changed = dict(zip(native_core.cut(self._known.items_at(self._changed)), self._changed, strict=True))
        ascending = sorted(changed)
        return Said(
            self._before.size,
            self._before.key,
            self._of(self._known.unknown),
            b"".join(ascending),
            self._of([changed[item] for item in ascending]),
        )

    def _of(self, places: list[int]) -> bytes:
        return b"".join(self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] for at in places)


def relabelled(generation: Generation, known: Recalled, labels: bytes, bucket: int) -> int:
    """How many tags that stay a sender states: those with another label, in whole buckets, or all that stay.

    known: the items of its frozen set, as the generation knows them. labels: of each of them, packed.
    """
    said = generation.said
    if said is None:
        raise EngineFault("oprf: the generation has no labels")
    known.digests = digests(said.key, said.size, labels)
    changed = said.differing(known.rows, known.digests)
    return min(delta_size(len(changed), bucket), len(known.items) - len(known.unknown))
