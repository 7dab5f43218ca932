"""The lane of an incremental run: an `OprfLane` on a generation that both sides hold, with the sizes of all changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from psi_core.engines.oprf.generation import Generation, width_of
from psi_core.engines.oprf.lane import OprfLane
from psi_core.engines.oprf.recalled import Recalled
from psi_core.errors import EngineFault


@dataclass(frozen=True)
class DeltaLane(OprfLane):
    """One `oprf` lane that pays only for what changed.

    generation: our state of the generation that Offer and Accept name.
    begun: the lane's items but for the canaries, as they were looked up when the changes were counted, digests of their
        labels included.
    Sizes stand in `parameters`, each stated by the side that knows it: `new` (the receiver's items that it has no
    output for), `added` and `removed` (the sender's tags); with labels of the sender `relabelled` (tags that stay, and
    whose label is sent again).
    """

    generation: Generation = field(kw_only=True)
    begun: Recalled | None = field(default=None, kw_only=True, repr=False)

    @property
    def new(self) -> int:
        """How many of the receiver's items are evaluated."""
        return self.parameters.get("new", 0)

    @property
    def added(self) -> int:
        """How many tags come."""
        return self.parameters.get("added", 0)

    @property
    def removed(self) -> int:
        """How many tags leave."""
        return self.parameters.get("removed", 0)

    @property
    def relabelled(self) -> int:
        """How many labels of tags that stay are sent again."""
        return self.parameters.get("relabelled", 0)

    @property
    def sender_labels(self) -> int:
        """Bytes of each label of the sender's; 0: it gives none."""
        if self.labels is None:
            return 0
        return self.labels.sent if self.key is not None else self.labels.received

    def check_set(self) -> None:
        """Nothing: looking the items up (`recalled`) finds two that are equal."""

    def check(self) -> None:
        """As `OprfLane.check`; raises EngineFault too when the sizes do not lead from the generation to this run."""
        super().check()
        before = len(self.generation.known.list) // width_of(self.statement)
        sends = len(self.items) if self.key is not None else self.peer_size
        receives = self.peer_size if self.key is not None else len(self.items)
        if before - self.removed + self.added != sends or not 0 <= self.removed <= before:
            raise EngineFault(f"oprf: lane {self.match_key} has tag changes that do not lead to its size")
        if not 0 < self.new <= receives or self.added < 0:
            raise EngineFault(f"oprf: lane {self.match_key} has a number of new items outside 1 .. its size")
        if not 0 <= self.relabelled <= (before - self.removed if self.sender_labels else 0):
            raise EngineFault(f"oprf: lane {self.match_key} sends labels of more tags again than stay")
        if self.generation.label_size != self.sender_labels:
            raise EngineFault(
                f"oprf: lane {self.match_key} has other labels than its generation. Run in full."
            )


def delta_parameters(
    generation: int, new: int, added: int, removed: int, relabelled: int | None = None
) -> dict[str, int]:
    """The integers that an incremental lane adds to those of its sizes and key; `relabelled` where labels go along."""
    found = {"generation": generation, "new": new, "added": added, "removed": removed}
    return found if relabelled is None else found | {"relabelled": relabelled}
