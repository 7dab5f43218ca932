"""Three offices in one consortium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from psi_core.identity.node_keys import NodeKeys
from tests.offices import KEY, LAB_A, LAB_B, LAB_C, NOW, Office, closed, opened


@pytest.fixture(scope="session")
def office_keys() -> list[NodeKeys]:
    return [NodeKeys.generate(lab, NOW) for lab in (LAB_A, LAB_B, LAB_C)]


@pytest.fixture
async def world(office_keys: list[NodeKeys], tmp_path: Path) -> AsyncIterator[dict[str, Office]]:
    made = await opened(office_keys, tmp_path, KEY)
    yield made
    await closed(made)


@pytest.fixture
def a(world: dict[str, Office]) -> Office:
    return world[LAB_A]


@pytest.fixture
def b(world: dict[str, Office]) -> Office:
    return world[LAB_B]


@pytest.fixture
def c(world: dict[str, Office]) -> Office:
    return world[LAB_C]
