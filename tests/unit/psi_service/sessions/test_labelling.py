"""What this lab says of the elements of a set: of all their actors together, of nothing that may not be passed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import sqlite_utils

from psi_core.kinds.labels import decode, encode
from psi_core.kinds.match_key import MatchKey
from psi_core.session.items import CANARY_PLACES
from psi_service.actors.words import WORDS, seal_word
from psi_service.clock import system_clock
from psi_service.sessions.freezing import freeze_match_key
from psi_service.sessions.labelling import Labelling
from psi_service.sessions.owned import owned_elements
from psi_service.store.database import Store

KEY, DATA_KEY = b"k" * 32, b"d" * 32
NOW = "2026-01-01T00:00:00Z"
FIELDS = ("severity", "campaign", "first_seen", "tlp")
E, A, X, V4, V6, UA = (bytes([letter]) * 32 for letter in b"eax46u")
INDICATORS: list[tuple[int, str, bytes, dict[str, str]]] = [
    (1, "email", E, {"severity": "low", "campaign": "fox", "first_seen": "2025-03-01T01:00:00Z"}),
    (2, "email", E, {"severity": "high", "campaign": "owl", "tlp": "green"}),
    (3, "email", E, {"severity": "critical", "campaign": "kept at home", "tlp": "red"}),
    (2, "email", A, {"campaign": "fox", "expires_at": "2026-02-01T00:00:00Z"}),
    (4, "email", A, {"severity": "critical", "expires_at": "2025-12-31T00:00:00Z"}),
    (5, "email", X, {}),
    (6, "ipv4", V4, {"campaign": "proxies"}),
    (6, "ipv6", V6, {"first_seen": "2025-05-01T00:00:00Z"}),
    (6, "user_agent", UA, {"severity": "low", "first_seen": "2025-06-01T00:00:00Z"}),
    (7, "ipv4", V4, {"severity": "high"}),
    (7, "user_agent", UA, {"campaign": "bots", "tlp": "amber+strict"}),
]
OF_E = {"severity": "high", "campaign": "fox; owl", "first_seen": "2025-03-01", "tlp": "green"}


pytestmark = pytest.mark.usefixtures("each_core")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, system_clock) as store:
        store.transaction_now(_write)
        yield store


def _lookup(actor: int) -> bytes:
    return bytes([actor]) * 32


def _write(db: sqlite_utils.Database) -> None:
    for actor in sorted({actor for actor, *_ in INDICATORS}):
        db.execute(
            "INSERT INTO actors (id, lookup, reference, created) VALUES (?, ?, x'00', 't')",
            (actor, _lookup(actor)),
        )
    for actor, kind, mark, said in INDICATORS:
        kept = {
            name: seal_word(DATA_KEY, name, _lookup(actor), value) if name in WORDS else value
            for name, value in said.items()
        }
        db.table("indicators").insert({"actor": actor, "kind": kind, "fingerprint": mark, **kept})


def _said(store: Store, name: str, fields: tuple[str, ...] = FIELDS) -> dict[bytes, Mapping[str, str | int]]:
    def read(db: sqlite_utils.Database) -> dict[bytes, Mapping[str, str | int]]:
        key = MatchKey.parse(name)
        owned = owned_elements(db, key, KEY, NOW)
        labels = Labelling(fields, DATA_KEY).labels(db, key, owned, NOW)
        return {element: decode(fields, label) for element, label in zip(owned.elements, labels, strict=True)}

    return store.query_now(read)


def test_an_element_is_said_what_its_actors_say_together(store: Store) -> None:
    assert _said(store, "email") == {E: OF_E, A: {"campaign": "fox"}, X: {}}


def test_only_granted_fields_are_said_but_every_marking_counts(store: Store) -> None:
    fields = ("severity",)
    assert _said(store, "email", fields) == {E: {"severity": "high"}, A: {}, X: {}}


def test_either_address_is_an_element_of_its_own(store: Store) -> None:
    assert _said(store, "ip") == {
        V4: {"severity": "high", "campaign": "proxies"},
        V6: {"first_seen": "2025-05-01"},
    }


def test_an_element_of_a_joined_key_is_said_what_all_kinds_of_its_actors_say(store: Store) -> None:
    found = _said(store, "ip+user_agent")
    shared = {"severity": "high", "campaign": "proxies", "first_seen": "2025-05-01"}
    alone = {"severity": "low", "campaign": "proxies", "first_seen": "2025-05-01"}
    assert sorted(found.values(), key=str) == sorted([shared, alone], key=str)


def test_frozen_labels_stand_in_the_snapshots_order_and_dummies_say_nothing(
    store: Store, tmp_path: Path
) -> None:
    frozen = store.query_now(
        lambda db: freeze_match_key(
            db,
            tmp_path,
            peer="lab-b.example",
            match_key="email",
            consortium_key=KEY,
            padding_bucket=64,
            now=NOW,
            labelling=Labelling(FIELDS, DATA_KEY),
        )
    )
    assert len(frozen.labels) == len(frozen.snapshot.elements) == 64 - CANARY_PLACES
    found = {
        element: decode(FIELDS, label)
        for element, label in zip(frozen.snapshot.elements, frozen.labels, strict=True)
        if label != encode(FIELDS, {})
    }
    assert found == {E: OF_E, A: {"campaign": "fox"}}
