"""What one `vole` run needs beyond sizes: a context that no other run has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psi_core.engines.interface import LaneContext
from psi_core.errors import EngineFault
from psi_core.kinds.fields import lengths
from psi_core.session.packed import Packed

CONTEXT_BYTES = 32
ELEMENT_BYTES = 16
"""An item is an element of GF(2^128): the first half of the 32 bytes."""


def run_context(ctx: bytes, lane: int, run: int) -> bytes:
    """The context of one run: SHA-256 of label, ctx (32 bytes), lane number and run number, 32 bytes.

    Runs of one session must not share it: else a peer could answer one run with messages of the other.
    """
    fields = lengths("psi-vole-context/v1", ctx, lane.to_bytes(4, "big"), run.to_bytes(1, "big"))
    return hashlib.sha256(fields).digest()


@dataclass(frozen=True)
class VoleLane(LaneContext):
    """One run of one `vole` lane.

    context: `run_context` of session, lane and run.
    """

    context: bytes

    def check(self) -> None:
        """Raise EngineFault unless items and context have the lengths that are promised.

        That items are distinct is found by the run itself (a pass over a million items would cost more).
        """
        whole = isinstance(self.items, Packed) and self.items.width == ELEMENT_BYTES
        if not whole and any(len(item) != ELEMENT_BYTES for item in self.items):
            raise EngineFault(f"vole: lane {self.match_key} has items that are not {ELEMENT_BYTES} bytes")
        if len(self.context) != CONTEXT_BYTES:
            raise EngineFault(f"vole: lane {self.match_key} has a context that is not 32 bytes")
        labels = self.labels
        if labels is not None:
            one_way = bool(labels.sent) != bool(labels.received)
            if not one_way or len(labels.own) != labels.sent * len(self.items):
                raise EngineFault(
                    f"vole: lane {self.match_key} has labels that do not go one way, one an item"
                )
