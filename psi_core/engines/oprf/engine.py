"""The engine `oprf`: parameters, what they cost, and fresh machines."""

from __future__ import annotations

from collections.abc import Mapping

from psi_core.engines.interface import LaneContext, Reveal, Worker
from psi_core.engines.oprf.chunks import CHUNK
from psi_core.engines.oprf.key import MOST_EVALUATIONS, check_native
from psi_core.engines.oprf.lane import OprfLane, parameters_of
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.sender import OprfSender
from psi_core.errors import EngineFault


class Oprf:
    """RFC 9497 VOPRF on ristretto255. Parameters: `chunk`, and from the key statement `epoch` and `tag_bits`."""

    name: str = "oprf"
    variant: str = "verifiable"
    security: str = "verifiable-sender"

    def parameters(self, own_size: int, peer_size: int, reveal: Reveal) -> dict[str, int]:
        """Return what both padded sizes imply: {"chunk": items of a chunk}. The key statement adds the rest.

        Raises:
            EngineFault: a size is outside 1 .. 2^30, or reveal is `count`.
        """
        if reveal == "count":
            raise EngineFault(
                "oprf: cannot show a count alone: every element has its own blind, so a shuffled answer could not be "
                "unblinded. Ask for reveal items, or use openmined."
            )
        if not (1 <= own_size <= MOST_EVALUATIONS and 1 <= peer_size <= MOST_EVALUATIONS):
            raise EngineFault(f"oprf: a lane has 1 to {MOST_EVALUATIONS:,} items on either side")
        return {"chunk": CHUNK}

    def evaluations(self, parameters: Mapping[str, int], peer_size: int) -> int:
        """Return what the peer can test: its padded size, as receiver (evaluations) and as sender (tags returned)."""
        del parameters
        return peer_size

    def receiver(self, lane: LaneContext, worker: Worker | None = None) -> OprfReceiver:
        """Return a fresh receiver; raises EngineFault when the lane is not as `OprfLane` promises."""
        del worker
        return OprfReceiver(self._checked(lane))

    def sender(self, lane: LaneContext, worker: Worker | None = None) -> OprfSender:
        """Return a fresh sender; raises EngineFault when the lane is not as `OprfLane` promises."""
        del worker
        checked = self._checked(lane)
        if checked.key is None:
            raise EngineFault(f"oprf: lane {lane.match_key} has no key, so it cannot be served")
        return OprfSender(checked, checked.key)

    def _checked(self, lane: LaneContext) -> OprfLane:
        check_native()
        if not isinstance(lane, OprfLane):
            raise EngineFault(
                f"oprf: lane {lane.match_key} has no key statement; it was opened for another engine"
            )
        due = self.parameters(len(lane.items), lane.peer_size, lane.reveal) | parameters_of(lane.statement)
        if lane.parameters != due:
            raise EngineFault(
                f"oprf: lane {lane.match_key} has parameters that its sizes and key do not give"
            )
        lane.check()
        return lane
