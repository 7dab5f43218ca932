"""An admin port over a real store, log, tokens and peers; what dials or computes is a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from psi_core.identity.node_keys import NodeKeys
from psi_service.http_api.application import build_api
from psi_service.http_api.services import Services
from psi_service.identity.own_card import OwnCard
from psi_service.log.node_log import NodeLog
from psi_service.metrics.metrics import Metrics
from psi_service.peers.directory import PeerDirectory
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import PinBoard
from psi_service.store.database import Store
from psi_service.tokens import Role, Tokens
from psi_service.watching.readiness import Readiness

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NAME = "127.0.0.1:7480"
IMPORT_BYTES = 1 << 20


def clock() -> datetime:
    return NOW


def card_of(lab: str) -> bytes:
    """A new card of `lab`, as its people would send it."""
    return NodeKeys.generate(lab, NOW).card(lab, f"psi.{lab}:7443", NOW)


@dataclass
class Api:
    """The application, its services, and a client for each role."""

    services: Services
    tokens: dict[Role, str]
    stack: ExitStack = field(default_factory=ExitStack)

    def application(self, **stand_ins: Any) -> FastAPI:
        return build_api(replace(self.services, **stand_ins), {NAME}, IMPORT_BYTES)

    def client(self, role: Role | None = Role.OPERATOR, **stand_ins: Any) -> TestClient:
        """A client with a token of `role` (None: without one); `stand_ins` replace services."""
        headers = {"authorization": f"Bearer {self.tokens[role]}"} if role else {}
        client = TestClient(self.application(**stand_ins), base_url=f"http://{NAME}", headers=headers)
        return self.stack.enter_context(client)


class Untouched:
    """In the place of a service that a test does not call."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    keys = NodeKeys.generate("lab-a.example", NOW)
    own = OwnCard.read(keys.card("lab-a.example", "psi.lab-a.example:7443", NOW))
    with Store.open(tmp_path / "data", clock) as store, ExitStack() as stack:
        log = NodeLog(store, keys.log, tmp_path / "head", clock)
        tokens = Tokens(store, log, clock)

        async def prepare() -> dict[Role, str]:
            await log.verify_at_start()
            return {role: (await tokens.create(f"the {role}", role)).token for role in Role}

        given = asyncio.run(prepare())
        untouched = cast(Any, Untouched())
        services = Services(
            card=own,
            version="0.1.0",
            clock=clock,
            store=store,
            log=log,
            tokens=tokens,
            importer=untouched,
            actors=untouched,
            retention=untouched,
            peers=PeerDirectory("lab-a.example", store, log, PinBoard(), OpenCalls(), clock),
            probe=untouched,
            consortium=untouched,
            agreements=untouched,
            sessions=untouched,
            jobs=untouched,
            matches=untouched,
            readiness=Readiness(store, log, clock, lambda: True),
            metrics=Metrics("lab-a.example", "0.1.0", store, log, clock),
        )
        yield Api(services, given, stack)
