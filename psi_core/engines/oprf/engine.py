"""The engine `oprf`: parameters, what they cost, and fresh machines."""

from __future__ import annotations

from collections.abc import Mapping

from psi_core.engines.interface import ITEM_BYTES, LaneContext, Reveal, Worker
from psi_core.engines.oprf.chunks import CHUNK
from psi_core.engines.oprf.delta_lane import DeltaLane, delta_parameters
from psi_core.engines.oprf.delta_receiver import DeltaReceiver
from psi_core.engines.oprf.delta_sender import DeltaSender
from psi_core.engines.oprf.evidence import unproven_statement
from psi_core.engines.oprf.key import MOST_EVALUATIONS, check_native
from psi_core.engines.oprf.lane import OprfLane, parameters_of
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.sender import OprfSender
from psi_core.errors import EngineFault, InvalidProof, InvalidText
from psi_core.session.opening import KeyEvidence


class Oprf:
    """RFC 9497 VOPRF on ristretto255. Parameters: `chunk`, and from the key statement `epoch` and `tag_bits`."""

    name: str = "oprf"
    variant: str = "verifiable"
    security: str = "verifiable-sender"
    one_run_for_both: bool = True
    item_bytes: int = ITEM_BYTES
    seals_labels: bool = True

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

    def key_parameters(self, key: KeyEvidence | None) -> dict[str, int]:
        """Return epoch and tag length as the sender's statement gives them, with nothing of it proven yet.

        Raises:
            EngineFault: there is no key, or what stands in its place is no statement.
        """
        if key is None:
            raise EngineFault("oprf: the lane carries no key statement of its sender")
        try:
            return parameters_of(unproven_statement(key))
        except (InvalidText, InvalidProof) as fault:
            raise EngineFault(f"oprf: the lane's key: {fault}") from fault

    def evaluations(
        self, parameters: Mapping[str, int], peer_size: int, *, peer_receives: bool = True
    ) -> int:
        """Return what the peer can test.

        In a full run its padded size, as receiver (evaluations) and as sender (tags answered by return values); in
        an incremental run only what is new of it.
        """
        return parameters.get("new" if peer_receives else "added", peer_size)

    def receiver(self, lane: LaneContext, worker: Worker | None = None) -> OprfReceiver | DeltaReceiver:
        """Return a fresh receiver, incremental on a `DeltaLane`; raises EngineFault when the lane is wrong."""
        del worker
        checked = self._checked(lane)
        return DeltaReceiver(checked) if isinstance(checked, DeltaLane) else OprfReceiver(checked)

    def sender(self, lane: LaneContext, worker: Worker | None = None) -> OprfSender | DeltaSender:
        """Return a fresh sender, incremental on a `DeltaLane`; raises EngineFault when the lane is wrong."""
        del worker
        checked = self._checked(lane)
        if checked.key is None:
            raise EngineFault(f"oprf: lane {lane.match_key} has no key, so it cannot be served")
        if isinstance(checked, DeltaLane):
            return DeltaSender(checked, checked.key)
        return OprfSender(checked, checked.key)

    def _checked(self, lane: LaneContext) -> OprfLane:
        check_native()
        if not isinstance(lane, OprfLane):
            raise EngineFault(
                f"oprf: lane {lane.match_key} has no key statement; it was opened for another engine"
            )
        due = self.parameters(len(lane.items), lane.peer_size, lane.reveal) | parameters_of(lane.statement)
        if lane.parameters != due | self._changes(lane):
            raise EngineFault(
                f"oprf: lane {lane.match_key} has parameters that its sizes and key do not give"
            )
        lane.check()
        return lane

    def _changes(self, lane: OprfLane) -> dict[str, int]:
        if not isinstance(lane, DeltaLane):
            return {}
        relabelled = lane.relabelled if lane.sender_labels else None
        return delta_parameters(lane.generation.name.number, lane.new, lane.added, lane.removed, relabelled)
