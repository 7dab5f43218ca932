"""Three labs' keys and cards, made once: key generation is the slow part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LABS = ("lab-a.example", "lab-b.example", "lab-c.example")


@pytest.fixture(scope="session")
def keys() -> Mapping[str, NodeKeys]:
    return {lab: NodeKeys.generate(lab, NOW) for lab in LABS}


@pytest.fixture(scope="session")
def cards(keys: Mapping[str, NodeKeys]) -> Mapping[str, Card]:
    return {lab: Card.read(keys[lab].card(lab, f"psi.{lab}:7443", NOW)) for lab in LABS}
