"""What comes back to a sender with direction `both`: values of the receiver's matches, and maybe its labels."""

from __future__ import annotations

from collections.abc import Sequence

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.labels import SealedReader
from psi_core.engines.oprf.labels import label_keys, open_matches, output_at, places_of
from psi_core.engines.oprf.lane import OprfLane
from psi_core.engines.oprf.return_frames import RETURN_BYTES, ReturnReader


class Returned:
    """Reads returned values, then a label for each of them where the receiver gives any."""

    def __init__(self, lane: OprfLane) -> None:
        self._lane = lane
        self._values = ReturnReader(min(len(lane.items), lane.peer_size))
        self._sealed: SealedReader | None = None

    @property
    def _label_size(self) -> int:
        return self._lane.labels.received if self._lane.labels is not None else 0

    @property
    def complete(self) -> bool:
        """Whether the last value has arrived, and the last label where any come."""
        if not self._label_size:
            return self._values.complete
        return self._sealed is not None and self._sealed.complete

    def take(self, frame: bytes) -> None:
        """Take the next frame; raises ProtocolFault when it cannot be one, or too many values come."""
        if self._sealed is not None:
            self._sealed.take(frame)
            return
        self._values.take(frame)
        if self._values.complete and self._label_size:
            self._sealed = SealedReader(self._values.count, self._label_size)

    def values(self) -> bytes:
        """All values, packed and sorted, once the last one has arrived."""
        return self._values.values()

    def outcome(self, outputs: bytes) -> Outcome:
        """Positions of our items (their outputs are given, packed) whose value came back, and the labels of those."""
        own, theirs = native_core.native.oprf_return_values(outputs, self._lane.ctx), self.values()
        positions = native_core.positions(native_core.native.oprf_matches(own, theirs, RETURN_BYTES))
        return self.labelled(positions, b"".join(output_at(outputs, at) for at in positions))

    def labelled(self, positions: Sequence[int], matched: bytes) -> Outcome:
        """The outcome for items whose value came back (their outputs in one order, packed), with their labels.

        A value proves that the receiver evaluated the item, so that it matches also where its label does not open.
        """
        if self._sealed is None or self._lane.labels is None:
            return Outcome(tuple(positions), len(positions))
        own = native_core.native.oprf_return_values(matched, self._lane.ctx)
        values = native_core.cut(own, RETURN_BYTES)
        opened = open_matches(
            self._lane.labels,
            label_keys(matched, self._lane.ctx, "returned"),
            values,
            self._sealed.at(places_of(values, self.values(), RETURN_BYTES)),
            positions,
        )
        return Outcome(tuple(positions), len(positions), opened.labels, len(opened.closed))
