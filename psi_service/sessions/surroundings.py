"""What a session needs of the node around it, handed in at one place (app.py builds it)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from psi_client.session_stream import SessionStream
from psi_core.agreement.agreement import Agreement
from psi_core.engines.interface import Engine, Worker
from psi_core.identity.card import Card
from psi_core.wire.peers_pb2 import ReadLogReply, SettleReply
from psi_service.consortium.service import ConsortiumKey
from psi_service.sessions.epoch_keys import EpochKeys


class Dialled(Protocol):
    """An open connection to one peer."""

    def run(self) -> SessionStream:
        """Open the stream of one session."""
        ...

    async def settle(self, session_id: str, *, record: bytes = b"", abort: bytes = b"") -> SettleReply:
        """Exchange what both sides hold of a session."""
        ...

    async def read_log(self, *, entries_from: int) -> ReadLogReply:
        """Entries of the pair in the peer's log, from a position on."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(frozen=True)
class Limits:
    """Bounds in numbers and seconds: open sessions at once, wait for one frame, whole session, an Offer's life.

    redial_seconds: waits before dialling again for a session that broke off and may go on; anew after each progress.
    """

    concurrent_sessions: int = 4
    idle_seconds: float = 300.0
    session_seconds: float = 3600.0
    offer_seconds: int = 120
    redial_seconds: tuple[float, ...] = (1.0, 5.0, 15.0, 30.0)


@dataclass(frozen=True)
class Surroundings:
    """Ways from a session to the rest of the node."""

    card_of: Callable[[str], Card]
    """The pinned card of a lab; raises NotFound."""
    dial: Callable[[str], Awaitable[Dialled]]
    """Connect to a pinned lab; raises PeerUnreachable."""
    agreement_of: Callable[[bytes], Awaitable[Agreement]]
    """An agreement by text hash; raises NotFound."""
    consortium_key: Callable[[], Awaitable[ConsortiumKey]]
    """The current consortium key; raises NotFound."""
    keys: EpochKeys
    engines: Mapping[str, Engine]
    worker: Worker
    limits: Limits
