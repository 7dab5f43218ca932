"""The demo's made-up lists: the same every time, wrong only where planned, overlapping only where planted."""

from __future__ import annotations

import ipaddress
from collections import Counter
from pathlib import Path

import pytest

from examples.demo.clear import ClearList, overlap, read_list
from examples.demo.data import (
    ACTORS,
    COLUMNS,
    LAB_A,
    LAB_B,
    LABS,
    MATCH_KEYS,
    PLANTED,
    WRONG_ROWS,
    World,
    make_world,
    write_csv,
)
from examples.demo.public_lists import throw_away_domains, vpn_networks
from psi_core.kinds import canonical, derived, resolved


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def lists(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClearList]:
    folder = tmp_path_factory.mktemp("demo")
    for lab in LABS:
        write_csv(world.rows[lab], folder / lab / "indicators.csv")
    return {lab: read_list(folder / lab / "indicators.csv") for lab in LABS}


def test_one_seed_gives_one_world(world: World) -> None:
    again = make_world()
    assert again == world
    assert make_world(seed=1).rows != world.rows


@pytest.mark.parametrize(("lab", "wrong"), [(LAB_A, 7), (LAB_B, 3)])
def test_only_the_planned_rows_are_wrong(lists: dict[str, ClearList], lab: str, wrong: int) -> None:
    assert len(WRONG_ROWS[lab]) == wrong
    assert lists[lab].refused == wrong
    assert len(lists[lab].actors) == ACTORS[lab]
    assert lists[lab].rows > 20_000


@pytest.mark.parametrize(("own", "other"), [(LAB_A, LAB_B), (LAB_B, LAB_A)])
def test_the_overlap_in_the_clear_is_what_was_planted(
    world: World, lists: dict[str, ClearList], own: str, other: str
) -> None:
    found = overlap(lists[own], lists[other], MATCH_KEYS)
    assert found == world.planted[own]
    assert len(found) >= sum(operators for _, operators in PLANTED)


def test_every_match_key_and_some_full_set_is_planted(world: World) -> None:
    for lab in LABS:
        counts = Counter(match_key for shared in world.planted[lab].values() for match_key in shared)
        assert set(counts) == set(MATCH_KEYS)
        assert min(counts.values()) > 30
        assert frozenset(MATCH_KEYS) in world.planted[lab].values()


def _forms(clear: ClearList, kind: str) -> set[str]:
    return {value for kinds in clear.actors.values() for value in kinds.get(kind, ())}


def test_the_labs_spell_shared_values_differently(world: World, lists: dict[str, ClearList]) -> None:
    written = {lab: {(row.kind, row.value) for row in world.rows[lab]} for lab in LABS}
    verbatim = Counter(kind for kind, _ in written[LAB_A] & written[LAB_B])
    for kind in ("card", "iban", "ipv4", "ipv6"):
        assert verbatim[kind] == 0
    for kind in ("email", "card", "iban", "device_id", "ipv4", "ipv6"):
        assert len(_forms(lists[LAB_A], kind) & _forms(lists[LAB_B], kind)) > max(10, verbatim[kind])


def test_plus_tags_and_dots_are_folded_only_by_the_mailbox(lists: dict[str, ClearList]) -> None:
    by_email = overlap(lists[LAB_A], lists[LAB_B], ["email"])
    by_mailbox = overlap(lists[LAB_A], lists[LAB_B], ["email_mailbox"])
    assert by_email.keys() < by_mailbox.keys()


def test_look_alikes_are_there_and_do_not_match(world: World, lists: dict[str, ClearList]) -> None:
    by_address = overlap(lists[LAB_A], lists[LAB_B], ["ip"])
    by_both = overlap(lists[LAB_A], lists[LAB_B], ["ip+user_agent"])
    by_agent = overlap(lists[LAB_A], lists[LAB_B], ["user_agent"])
    assert len(by_address.keys() - by_both.keys()) >= 100
    assert len(by_agent.keys() - by_both.keys()) >= 1000
    assert by_both.keys() == {
        name for name, shared in world.planted[LAB_A].items() if "ip+user_agent" in shared
    }


def test_mail_domains_and_networks_are_the_real_public_ones(world: World) -> None:
    domains = {row.value.partition("@")[2] for row in world.rows[LAB_A] if row.kind == "email"}
    assert len(domains & set(throw_away_domains())) > 500
    addresses = [row.value for row in world.rows[LAB_A] if row.kind == "ipv6"]
    for address in map(ipaddress.ip_address, addresses[:50]):
        assert any(address in network for network in vpn_networks(6))


def test_the_file_has_the_columns_of_the_long_form(world: World, tmp_path: Path) -> None:
    write_csv(world.rows[LAB_B][:3], tmp_path / "lab" / "indicators.csv")
    text = (tmp_path / "lab" / "indicators.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert len(text.splitlines()) == 4


def test_the_clear_reads_as_an_import_does() -> None:
    """A mapped address is the IPv4 address; a mailbox follows from its email."""
    assert resolved("ip", "::ffff:192.0.2.1") == ("ipv4", "192.0.2.1")
    assert ("email_mailbox", "ana@gmail.com") in derived("email", canonical("email", "A.na+x@GoogleMail.com"))
