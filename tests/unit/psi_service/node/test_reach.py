"""Commands on the store itself or through the node that holds it; a new card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from psi_client.node_client import NodeClient
from psi_core.errors import InvalidConfiguration, NodeRefusing, StoreLocked
from psi_core.log.entry import Entry
from psi_service.clock import system_clock
from psi_service.http_api.services import Services
from psi_service.identity.key_files import read_keys
from psi_service.identity.new_card import new_card
from psi_service.identity.own_card import read_card
from psi_service.node.reach import reach, services_without_ports
from tests.two_nodes import Place, places


async def create(place: Place, name: str) -> dict[str, object]:
    """Create a consortium, whichever way there is; the answer says which it was."""
    used: list[str] = []

    async def locally(services: Services) -> object:
        used.append("store")
        return await services.consortium.create(name)

    def remotely(client: NodeClient) -> object:
        used.append("node")
        return client.create_consortium(name)

    made = await reach(place.settings, system_clock, locally, remotely)
    return {"name": made["name"], "current": made["current"], "through": used}


async def test_the_store_is_used_when_no_node_runs_and_the_node_when_one_does(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)
    assert await create(a, "first") == {"name": "first", "current": True, "through": ["store"]}
    async with a.running():
        assert await create(a, "second") == {"name": "second", "current": True, "through": ["node"]}
    assert await create(a, "third") == {"name": "third", "current": True, "through": ["store"]}
    async with a.running():
        names = [each["name"] for each in await a.ask(NodeClient.consortia)]
        assert sorted(names) == ["first", "second", "third"]


async def test_a_list_of_views_is_plain_either_way(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)

    async def locally(services: Services) -> object:
        return await services.tokens.list()

    stored = await reach(a.settings, system_clock, locally, NodeClient.tokens)
    async with a.running():
        assert await reach(a.settings, system_clock, locally, NodeClient.tokens) == stored
    assert json.dumps(stored)


async def test_the_rules_of_a_start_hold_without_ports_too(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)
    (a.data_dir / "head" / "head").unlink()
    with pytest.raises(NodeRefusing, match=r"head file .* is missing"):
        await create(a, "first")
    async with services_without_ports(a.settings, system_clock) as services:
        assert services.log.refusal is not None
        assert await services.tokens.list()


async def test_a_new_card_is_logged_and_kept_and_the_node_starts_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = await places(tmp_path)
    old = read_card(a.settings, read_keys(a.settings.keys_dir, a.settings.lab))
    async with a.running():
        with pytest.raises(StoreLocked):
            await new_card(a.settings, system_clock)
    monkeypatch.setenv("PSI_PEER_ADDRESS", "psi.lab-a.example:7443")
    with pytest.raises(InvalidConfiguration, match="`psi-node card --new`"):
        await create(a, "first")
    made = await new_card(a.settings, system_clock)
    assert made.card.address == "psi.lab-a.example:7443"
    assert made.card.fingerprint() != old.card.fingerprint()
    assert made.card.document_key == old.card.document_key
    async with services_without_ports(a.settings, system_clock) as services:
        assert services.card == made
        last = Entry.decode((await services.log.entries(services.log.size - 1, 1))[0])
    assert (last.kind, last.body) == ("card", {"note": made.note.decode()})
