"""The engine `vole`: parameters, what they cost, and fresh machines; once for each variant."""

from __future__ import annotations

from collections.abc import Mapping

from psi_core import native_core
from psi_core.engines.interface import LaneContext, Reveal, Worker
from psi_core.engines.vole.lane import ELEMENT_BYTES, VoleLane
from psi_core.engines.vole.machines import VoleReceiver, VoleSender
from psi_core.engines.vole.slots import slots
from psi_core.errors import EngineFault
from psi_core.session.opening import KeyEvidence

FEWEST_ITEMS = 1 << 10
"""Below it the curve of failures was not tried (docs/vole.md section 4)."""
MOST_ITEMS = 1 << 26


class Vole:
    """RR22. Parameters: `slots_smaller` and `slots_larger`, the stores of the smaller and the larger set."""

    name: str = "vole"
    one_run_for_both: bool = False
    item_bytes: int = ELEMENT_BYTES
    seals_labels: bool = True

    def __init__(self, *, semi_honest: bool = False) -> None:
        self._semi_honest = semi_honest
        self.variant: str = "semi-honest" if semi_honest else "malicious"
        self.security: str = self.variant

    def parameters(self, own_size: int, peer_size: int, reveal: Reveal) -> dict[str, int]:
        """Return the lengths of both stores, the smaller set's first.

        Raises:
            EngineFault: a size is outside 2^10 .. 2^26, or reveal is `count`.
        """
        if reveal == "count":
            raise EngineFault(
                "vole: cannot show a count alone: the receiver compares tags itself and sees which of its items match. "
                "Ask for reveal items, or use openmined."
            )
        if not all(FEWEST_ITEMS <= size <= MOST_ITEMS for size in (own_size, peer_size)):
            raise EngineFault(
                f"vole: a lane has {FEWEST_ITEMS:,} to {MOST_ITEMS:,} items on either side, padding included. "
                "Agree on a larger padding bucket, or use another engine."
            )
        smaller, larger = sorted((own_size, peer_size))
        return {"slots_smaller": slots(smaller), "slots_larger": slots(larger)}

    def key_parameters(self, key: KeyEvidence | None) -> dict[str, int]:
        """Return {}: the engine has no key.

        Raises:
            EngineFault: the lane has one.
        """
        if key is not None:
            raise EngineFault("vole: the lane carries a key, and this engine has none")
        return {}

    def evaluations(
        self, parameters: Mapping[str, int], peer_size: int, *, peer_receives: bool = True
    ) -> int:
        """Return the length of the peer's store: about what it can test if it departs from the protocol."""
        del parameters
        return slots(peer_size)

    def receiver(self, lane: LaneContext, worker: Worker | None = None) -> VoleReceiver:
        """Return a fresh receiver; raises EngineFault when the lane is not a `VoleLane` as promised."""
        del worker
        return VoleReceiver(self._checked(lane), semi_honest=self._semi_honest)

    def sender(self, lane: LaneContext, worker: Worker | None = None) -> VoleSender:
        """Return a fresh sender; raises EngineFault when the lane is not a `VoleLane` as promised."""
        del worker
        return VoleSender(self._checked(lane), semi_honest=self._semi_honest)

    def _checked(self, lane: LaneContext) -> VoleLane:
        if not native_core.available():
            raise EngineFault("vole: the native core is not installed. Build it with make, or use openmined.")
        if not isinstance(lane, VoleLane):
            raise EngineFault(f"vole: lane {lane.match_key} has no context; it was opened for another engine")
        if self.parameters(len(lane.items), lane.peer_size, lane.reveal) != lane.parameters:
            raise EngineFault(f"vole: lane {lane.match_key} has parameters that its sizes do not give")
        lane.check()
        return lane
