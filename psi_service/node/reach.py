"""One command, two ways: through the node that holds the store, or on the store itself when none runs.

A command of `psi-node` that writes names both. The lock file decides: whoever gets it is the owner for the
moment, with the same rules as a node at start, but without open ports.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic_core import to_jsonable_python

from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import StoreLocked
from psi_service.clock import Clock
from psi_service.http_api.services import Services
from psi_service.node.app import Node, build
from psi_service.settings import Settings

Locally = Callable[[Services], Awaitable[object]]
Remotely = Callable[[NodeClient], object]


@asynccontextmanager
async def services_without_ports(settings: Settings, clock: Clock) -> AsyncIterator[Services]:
    """The services of a node that runs nowhere, for as long as the block lasts. Peers can be dialled, not dial.

    Raises StoreLocked while a node holds the store; InvalidConfiguration, StoreError.
    """
    async with node_without_ports(settings, clock) as node:
        yield node.services


@asynccontextmanager
async def node_without_ports(settings: Settings, clock: Clock) -> AsyncIterator[Node]:
    """The node itself, prepared and not started; raises as `services_without_ports`."""
    node = build(settings, clock)
    try:
        await node.prepare()
        yield node
    finally:
        await node.stop()


async def reach(settings: Settings, clock: Clock, locally: Locally, remotely: Remotely) -> Any:
    """What `locally` makes of the services, or, when a node holds the store, `remotely` of its admin port.

    Views come back as the admin port would send them: plain objects and lists. Raises what either raises, and
    PeerUnreachable when something else than a node holds the store.
    """
    try:
        async with services_without_ports(settings, clock) as services:
            return to_jsonable_python(await locally(services))
    except StoreLocked:
        return await asyncio.to_thread(_ask, settings, remotely)


def _ask(settings: Settings, remotely: Remotely) -> object:
    with NodeClient(Profile.load(settings.data_dir)) as client:
        return to_jsonable_python(remotely(client))
