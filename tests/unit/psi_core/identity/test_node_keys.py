"""A node's private keys: to files and back, never into a representation, and never another lab's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from psi_core.errors import InvalidCertificate, InvalidConfiguration, InvalidText
from psi_core.identity.card import Card
from psi_core.identity.node_keys import KEY_FILES, NodeKeys

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB_A, LAB_B = "lab-a.example", "lab-b.example"


def test_keys_come_back_from_their_files(keys: Mapping[str, NodeKeys]) -> None:
    own = keys[LAB_A]
    files = own.to_files()
    assert tuple(files) == KEY_FILES
    back = NodeKeys.from_files(files, LAB_A)
    assert back.to_files() == files
    assert back.card(LAB_A, "localhost:1", NOW) == own.card(LAB_A, "localhost:1", NOW)
    assert back.data_key == own.data_key


def test_keys_are_drawn_anew_each_time(keys: Mapping[str, NodeKeys]) -> None:
    first, second = keys[LAB_A].to_files(), NodeKeys.generate(LAB_A, NOW).to_files()
    assert all(first[name] != second[name] for name in KEY_FILES)


def test_a_log_that_started_anew_keeps_its_origin_in_the_key_file(keys: Mapping[str, NodeKeys]) -> None:
    files = dict(keys[LAB_A].to_files())
    files["log.key"] = files["log.key"].replace(b"/psi-log ", b"/psi-log/2 ")
    back = NodeKeys.from_files(files, LAB_A)
    assert back.log_origin == "lab-a.example/psi-log/2"
    assert Card.read(back.card(LAB_A, "localhost:1", NOW)).log_origin == "lab-a.example/psi-log/2"


def test_no_secret_is_in_any_representation(keys: Mapping[str, NodeKeys]) -> None:
    own = keys[LAB_A]
    secrets = [own.document.seed, own.log.seed, own.cosigner.seed, own.sealing.private, own.data_key]
    shown = " ".join(f"{each!r} {each!s}" for each in (own, own.document, own.sealing, [own], {"keys": own}))
    for secret in secrets:
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    assert "PRIVATE" not in shown
    assert LAB_A in repr(own)


@pytest.mark.parametrize("name", KEY_FILES)
def test_a_missing_file_is_named(name: str, keys: Mapping[str, NodeKeys]) -> None:
    files = dict(keys[LAB_A].to_files())
    del files[name]
    with pytest.raises(InvalidConfiguration, match=name):
        NodeKeys.from_files(files, LAB_A)


@pytest.mark.parametrize("name", ["document.key", "log.key", "cosigner.key", "sealing.key", "data.key"])
@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"00" * 31, b"lab-a.example zz", b"lab-a.example"])
def test_a_damaged_file_is_named_and_not_quoted(
    name: str, damage: bytes, keys: Mapping[str, NodeKeys]
) -> None:
    with pytest.raises(InvalidConfiguration, match=name) as refusal:
        NodeKeys.from_files({**keys[LAB_A].to_files(), name: damage}, LAB_A)
    assert "zz" not in str(refusal.value)


@pytest.mark.parametrize("name", ["document.key", "log.key", "cosigner.key"])
def test_another_labs_key_is_refused(name: str, keys: Mapping[str, NodeKeys]) -> None:
    files = {**keys[LAB_A].to_files(), name: keys[LAB_B].to_files()[name]}
    with pytest.raises(InvalidConfiguration, match="another lab"):
        NodeKeys.from_files(files, LAB_A)


def test_another_labs_tls_key_is_refused(keys: Mapping[str, NodeKeys]) -> None:
    files = {**keys[LAB_A].to_files(), "tls.key.pem": keys[LAB_B].to_files()["tls.key.pem"]}
    with pytest.raises(InvalidCertificate):
        NodeKeys.from_files(files, LAB_A)


def test_a_card_for_another_lab_or_without_an_address_is_refused(keys: Mapping[str, NodeKeys]) -> None:
    with pytest.raises(InvalidText, match="another lab"):
        keys[LAB_A].card(LAB_B, "localhost:1", NOW)
    with pytest.raises(InvalidText, match="host:port"):
        keys[LAB_A].card(LAB_A, "localhost", NOW)
