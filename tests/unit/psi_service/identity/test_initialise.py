"""What `psi-node init` leaves behind: a whole node, once, closed to other users."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psi_client.profile import Profile
from psi_core.errors import Conflict, InvalidConfiguration
from psi_core.identity.card import Card
from psi_service.identity.initialise import initialise
from psi_service.identity.key_files import read_keys, write_keys
from psi_service.identity.own_card import make_card, read_card, write_card
from psi_service.log.node_log import NodeLog
from psi_service.settings import Settings
from psi_service.store.database import Store
from psi_service.tokens import Role, Tokens

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
VALUES = {"lab": "lab-a.example", "peer_address": "127.0.0.1:7443"}


def clock() -> datetime:
    return NOW


async def test_a_new_node_is_whole(tmp_path: Path) -> None:
    made = await initialise(tmp_path / "data", VALUES, clock)
    settings = Settings.load(tmp_path / "data")
    assert settings == made.settings
    keys = read_keys(settings.keys_dir, settings.lab)
    card = read_card(settings, keys)
    assert card == made.card
    assert (card.card.lab, card.card.address) == ("lab-a.example", "127.0.0.1:7443")
    with Store.open(settings.data_dir, clock) as store:
        log = NodeLog(store, keys.log, settings.head_path, clock)
        await log.verify_at_start()
        log.check()
        entries = [json.loads(entry) for entry in await log.entries(0, 10)]
        assert [entry["kind"] for entry in entries] == ["key", "card", "admin"]
        assert Card.read(entries[1]["body"]["note"].encode()) == card.card
        profile = Profile.load(made.profile)
        token = await Tokens(store, log, clock).check(profile.token.get_secret_value())
    assert token.role is Role.OPERATOR
    assert profile.url == "http://127.0.0.1:7480"


async def test_nothing_is_open_to_others(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        await initialise(tmp_path / "data", VALUES, clock)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    for path in (tmp_path / "data" / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data" / "profile.json").stat().st_mode) == 0o600


async def test_no_private_key_is_in_log_or_store(tmp_path: Path) -> None:
    made = await initialise(tmp_path / "data", VALUES, clock)
    keys = read_keys(made.settings.keys_dir, "lab-a.example")
    secrets = [keys.document.seed, keys.log.seed, keys.cosigner.seed, keys.sealing.private, keys.data_key]
    for path in (
        path for path in (tmp_path / "data").rglob("*") if path.is_file() and path.parent.name != "keys"
    ):
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content or secret.hex().encode() in content]


async def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    await initialise(tmp_path / "data", VALUES, clock)
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    with pytest.raises(Conflict, match="holds a node already"):
        await initialise(tmp_path / "data", {**VALUES, "lab": "lab-b.example"}, clock)
    assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == before


async def test_wrong_settings_make_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="did you mean 'lab'"):
        await initialise(tmp_path / "data", {"lb": "lab-a.example"}, clock)
    assert not (tmp_path / "data").exists()


async def test_a_card_keeps_its_fingerprint_and_fits_settings_and_keys(tmp_path: Path) -> None:
    made = await initialise(tmp_path / "data", VALUES, clock)
    keys = read_keys(made.settings.keys_dir, "lab-a.example")
    moved = Settings.checked(tmp_path / "data", {**VALUES, "peer_address": "127.0.0.1:9443"})
    with pytest.raises(InvalidConfiguration, match=r"peers dial 127\.0\.0\.1:7443.*`psi-node card --new`"):
        read_card(moved, keys)
    write_card(tmp_path / "data", make_card(moved, keys, NOW))
    assert read_card(moved, keys).card.address == "127.0.0.1:9443"
    other = await initialise(tmp_path / "other", VALUES, clock)
    write_card(tmp_path / "data", other.card)
    with pytest.raises(InvalidConfiguration, match="not of this node's keys"):
        read_card(made.settings, keys)
    (tmp_path / "data" / "card").unlink()
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        read_card(made.settings, keys)


async def test_keys_are_refused_when_open_to_others_missing_or_there_already(tmp_path: Path) -> None:
    made = await initialise(tmp_path / "data", VALUES, clock)
    directory = made.settings.keys_dir
    with pytest.raises(Conflict, match="holds keys already"):
        write_keys(directory, read_keys(directory, "lab-a.example"))
    (directory / "data.key").chmod(0o640)
    with pytest.raises(InvalidConfiguration, match=r"chmod 600 .*data\.key"):
        read_keys(directory, "lab-a.example")
    (directory / "data.key").unlink()
    with pytest.raises(InvalidConfiguration, match=r"data\.key missing"):
        read_keys(directory, "lab-a.example")
