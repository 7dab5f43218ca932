"""The engine `openmined` as the registry knows it: parameters, what they cost, and fresh machines."""

from __future__ import annotations

from collections.abc import Mapping

from psi_core.engines.interface import ITEM_BYTES, LaneContext, Receiver, Reveal, Sender, Worker
from psi_core.engines.openmined.parameters import bucket_parameters
from psi_core.engines.openmined.receiver import OpenMinedReceiver
from psi_core.engines.openmined.sender import OpenMinedSender
from psi_core.errors import EngineFault
from psi_core.session.opening import KeyEvidence


class OpenMined:
    """ECDH on P-256 by openmined-psi, semi-honest. Parameters: `buckets` (b) and `bucket_size` (s)."""

    name: str = "openmined"
    variant: str = "semi-honest"
    security: str = "semi-honest"
    one_run_for_both: bool = False
    item_bytes: int = ITEM_BYTES
    seals_labels: bool = False

    def parameters(self, own_size: int, peer_size: int, reveal: Reveal) -> dict[str, int]:
        """Return {"buckets": b, "bucket_size": s} for both padded sizes; raises as `bucket_parameters`."""
        buckets, bucket_size = bucket_parameters(own_size, peer_size, reveal)
        return {"buckets": buckets, "bucket_size": bucket_size}

    def key_parameters(self, key: KeyEvidence | None) -> dict[str, int]:
        """Nothing: keys are fresh in each bucket; raises EngineFault for a lane that carries one."""
        if key is not None:
            raise EngineFault("openmined: the lane carries a key, and this engine commits none")
        return {}

    def evaluations(
        self, parameters: Mapping[str, int], peer_size: int, *, peer_receives: bool = True
    ) -> int:
        """Return b * s, whatever the peer's size: a receiver may put items of its choice where fill belongs."""
        return parameters["buckets"] * parameters["bucket_size"]

    def receiver(self, lane: LaneContext, worker: Worker) -> Receiver:
        """Return a fresh receiver; raises EngineFault when the lane is not as `LaneContext` promises."""
        self._check(lane)
        return OpenMinedReceiver(lane, worker)

    def sender(self, lane: LaneContext, worker: Worker) -> Sender:
        """Return a fresh sender; raises EngineFault when the lane is not as `LaneContext` promises."""
        self._check(lane)
        return OpenMinedSender(lane, worker)

    def _check(self, lane: LaneContext) -> None:
        if any(len(item) != ITEM_BYTES for item in lane.items) or len(set(lane.items)) != len(lane.items):
            raise EngineFault(
                f"openmined: lane {lane.match_key} has items that are not distinct or not 32 bytes"
            )
        if self.parameters(len(lane.items), lane.peer_size, lane.reveal) != lane.parameters:
            raise EngineFault(f"openmined: lane {lane.match_key} has parameters that its sizes do not give")
