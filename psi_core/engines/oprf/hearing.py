"""What the receiver of an incremental run hears: labels of tags that come and of some that stay; and what opens.

Matches are opened anew in every run, each under the ctx of the session that sealed its label, so that an old match has
what the sender said last of it, and a new item hears what was said before.
"""

from __future__ import annotations

from collections.abc import Sequence

from psi_core import native_core
from psi_core.engines.labels import SealedReader
from psi_core.engines.oprf.delta_lane import DeltaLane
from psi_core.engines.oprf.generation import width_of
from psi_core.engines.oprf.heard import Heard
from psi_core.engines.oprf.labels import Opened, open_heard
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.tag_frames import TagReader
from psi_core.errors import EngineFault, ProtocolFault


class Hearing:
    """Reads the tags that stay and are said again, then one sealed label for each of them and of those that come."""

    def __init__(self, lane: DeltaLane) -> None:
        before, labels = lane.generation.heard, lane.labels
        if before is None or labels is None:
            raise EngineFault(f"oprf: lane {lane.match_key} hears no labels")
        self._lane, self._labels, self._before = lane, labels, before
        self._again = TagReader(lane.relabelled, lane.statement.tag_bits)
        self._sealed = SealedReader(lane.added + lane.relabelled, labels.received)
        self._tags = b""

    @property
    def complete(self) -> bool:
        """Whether the last label has arrived."""
        return self._again.complete and self._sealed.complete

    def take(self, frame: bytes, coming: bytes, tags: bytes) -> None:
        """Take the next frame; `coming`, `tags`: the sender's tags that come, and its whole list after the run.

        Raises ProtocolFault when it is not the frame that is due, or names a tag that is not there to be said again.
        """
        if not self._again.complete:
            self._again.take(frame)
        else:
            self._sealed.take(frame)
        if self._again.complete and not self._tags:
            self._tags = self._in_order(coming, tags)

    def _in_order(self, coming: bytes, tags: bytes) -> bytes:
        """All tags that have a label in this run, sorted."""
        native, width, again = native_core.native, width_of(self._lane.statement), self._again.tags()
        listed = len(native.oprf_matches(again, tags, width)) // 4
        found = native.oprf_sort(coming + again, width)
        if (
            listed * width != len(again)
            or not native.ascends(found, width)
            or not native.ascends(tags, width)
        ):
            raise ProtocolFault(
                "oprf: the peer's labels are of tags that are not in its list, or twice in it"
            )
        return found

    def heard(self) -> Heard:
        """For the run's segment: what it has brought."""
        return Heard.in_session(self._labels.received, self._tags, self._lane.ctx, self._sealed.all())

    def opened(self, known: Recalled, matches: Sequence[int]) -> Opened:
        """Open the labels of all matches (places of the lane's items)."""
        if not matches:
            return Opened({}, ())
        wanted = native_core.cut(known.tags_of(matches), width_of(self._lane.statement))
        sealed = self._before.after(self.heard()).of(wanted)
        return open_heard(self._labels, known.outputs_of(matches), wanted, sealed, matches)
