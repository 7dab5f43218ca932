"""Labs that exchange signed notes without gRPC: real stores, logs, consortium and agreement services."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from psi_core.errors import NotFound, PeerUnreachable
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.entry import Entry
from psi_service.agreements.service import AgreementService
from psi_service.consortium.service import ConsortiumKey, ConsortiumService
from psi_service.grpc_server.incoming_notes import IncomingNotes
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB_A, LAB_B, LAB_C = "lab-a.example", "lab-b.example", "lab-c.example"
KEY = ConsortiumKey("00112233445566ff", "abuse", "v1", bytes(32))


class Office:
    """One lab. `key` stands in for a joined consortium; without it the consortium service answers."""

    def __init__(
        self, keys: NodeKeys, folder: Path, world: dict[str, Office], key: ConsortiumKey | None
    ) -> None:
        self.lab = keys.lab
        self.keys = keys
        self.card = Card.read(keys.card(keys.lab, f"{keys.lab}:7443", NOW))
        self.now = NOW
        self.pinned: dict[str, Card] = {}
        self.reachable = True
        self.key = key
        self.sent: list[bytes] = []
        self.world = world
        self.store = Store.open(folder, self.clock)
        self.log = NodeLog(self.store, keys.log, folder / "head", self.clock)
        self.consortium = ConsortiumService(
            keys, self.store, self.log, self.card_of, self.deliver, self.clock
        )
        self.agreements = AgreementService(
            keys, self.store, self.log, self.card_of, self.consortium_key, self.deliver, self.clock
        )
        self.notes = IncomingNotes(self.consortium, self.agreements)

    def clock(self) -> datetime:
        return self.now

    def card_of(self, lab: str) -> Card:
        if lab not in self.pinned:
            raise NotFound("not pinned")
        return self.pinned[lab]

    async def consortium_key(self) -> ConsortiumKey:
        return self.key or await self.consortium.current()

    async def deliver(self, lab: str, note: bytes) -> str:
        self.sent.append(note)
        if not self.world[lab].reachable:
            raise PeerUnreachable("no route")
        return await self.world[lab].notes.received(self.lab, note)

    async def states(self) -> list[str]:
        return [view.state for view in await self.agreements.list()]

    async def logged(self) -> list[Entry]:
        return [Entry.decode(data) for data in await self.log.entries(0, 100)]


async def opened(keys: list[NodeKeys], folder: Path, key: ConsortiumKey | None = None) -> dict[str, Office]:
    """An office for each lab in `keys`, all pinned at each other."""
    world: dict[str, Office] = {}
    for own in keys:
        world[own.lab] = Office(own, folder / own.lab, world, key)
        await world[own.lab].log.verify_at_start()
    for office in world.values():
        office.pinned = {other.lab: other.card for other in world.values() if other is not office}
    return world


async def closed(world: dict[str, Office]) -> None:
    """Close every store."""
    for office in world.values():
        await office.store.close()
