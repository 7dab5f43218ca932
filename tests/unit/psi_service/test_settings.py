"""`psi.toml`, the variables over it, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from psi_core.errors import InvalidConfiguration
from psi_service.address import Address
from psi_service.settings import Settings, settings_file

LAB = {"lab": "lab-a.example"}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PSI_{name.upper()}", raising=False)


def checked(tmp_path: Path, **values: Any) -> Settings:
    return Settings.checked(tmp_path, {**LAB, **values})


def test_the_file_that_init_writes_reads_back(tmp_path: Path) -> None:
    values = {
        "lab": "lab-a.example",
        "peer_listen": "127.0.0.1:0",
        "peer_address": "[::1]:7443",
        "admin_hosts": ["console.lab-a.example"],
        "head_file": tmp_path / 'a "quoted" \\ folder' / "head",
        "max_sessions": 9,
    }
    (tmp_path / "psi.toml").write_text(settings_file(values), encoding="utf-8")
    settings = Settings.load(tmp_path)
    assert settings.model_dump(include=set(values)) == {**values, "admin_hosts": ("console.lab-a.example",)}
    assert settings.data_dir == tmp_path
    assert settings.head_path == values["head_file"]


def test_every_setting_is_in_the_file_with_its_default_and_a_comment() -> None:
    text = settings_file(LAB)
    assert tomllib.loads(text) == LAB
    uncommented = "\n".join(line.removeprefix("# ") for line in text.splitlines() if " = " in line)
    values = tomllib.loads(uncommented)
    assert set(values) == set(Settings.model_fields) - {"data_dir"}
    assert Settings.checked(Path("/"), values) == Settings.checked(Path("/"), LAB)
    assert all(field.description for field in Settings.model_fields.values())


def test_a_variable_overrides_the_file_but_never_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "psi.toml").write_text(settings_file({**LAB, "max_sessions": 2}), encoding="utf-8")
    monkeypatch.setenv("PSI_MAX_SESSIONS", "7")
    monkeypatch.setenv("PSI_ADMIN_HOSTS", "one.example, two.example:8443")
    monkeypatch.setenv("PSI_PEER_ADDRESS", "")
    monkeypatch.setenv("PSI_DATA_DIR", "/elsewhere")
    settings = Settings.load(tmp_path)
    assert settings.max_sessions == 7
    assert settings.admin_hosts == ("one.example", "two.example:8443")
    assert settings.data_dir == tmp_path


@pytest.mark.parametrize(
    ("key", "nearest"), [("max_session", "max_sessions"), ("admin_listn", "admin_listen"), ("Lab", "lab")]
)
def test_an_unknown_key_is_refused_naming_the_nearest(tmp_path: Path, key: str, nearest: str) -> None:
    (tmp_path / "psi.toml").write_text(f'lab = "lab-a.example"\n{key} = 1\n', encoding="utf-8")
    with pytest.raises(InvalidConfiguration, match=f"no setting '{key}'; did you mean '{nearest}'") as caught:
        Settings.load(tmp_path)
    assert str(tmp_path / "psi.toml") in caught.value.message


def test_the_file_cannot_name_another_data_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="no setting 'data_dir'"):
        checked(tmp_path, data_dir="/elsewhere")


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSI_SERVICE_HOST", "10.0.0.1")  # what Kubernetes sets beside a service named psi
    monkeypatch.setenv("PSI_PROFILE", "profile.json")
    checked(tmp_path)
    monkeypatch.setenv("PSI_MAX_SESSION", "3")
    with pytest.raises(
        InvalidConfiguration, match="PSI_MAX_SESSION sets nothing; did you mean PSI_MAX_SESSIONS"
    ):
        checked(tmp_path)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lab": "Lab-A.example"}, "lab: is not a lab name"),
        ({"lab": "localhost"}, "lab: is not a lab name"),
        ({"lab": ".".join(["a" * 63] * 4)}, "lab: String should have at most 253"),
        ({"max_sessions": 0}, "max_sessions: Input should be greater than or equal to 1"),
        ({"peer_listen": "7443"}, "peer_listen: an address is written host:port"),
        ({"peer_listen": "0.0.0.0:70000"}, "peer_listen: an address is written host:port"),
        ({"peer_listen": "::1:7443"}, "an IPv6 host stands in brackets"),
        ({"peer_address": "[lab-a.example]:1"}, "not an IPv6 address"),
        ({"peer_address": "lab-a.example:0"}, "needs the port that peers dial"),
        ({"admin_listen": "0.0.0.0:7480"}, "not a loopback address: set admin_certificate and admin_key"),
        ({"admin_listen": "lab-a.example:7480"}, "not a loopback address"),
        ({"admin_certificate": "cert.pem"}, "set together or not at all"),
    ],
)
def test_a_wrong_value_is_refused_in_words(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfiguration, match=words):
        checked(tmp_path, **values)


def test_no_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"psi\.toml: make a node with `psi-node init`"):
        Settings.load(tmp_path)


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "psi.toml").write_text("lab: lab-a.example\n", encoding="utf-8")
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        Settings.load(tmp_path)


def test_derived_addresses(tmp_path: Path) -> None:
    settings = checked(tmp_path)
    assert settings.advertised == "lab-a.example:7443"
    assert settings.admin_url == "http://127.0.0.1:7480"
    assert settings.head_path == tmp_path / "head" / "head"
    assert settings.workers >= 1
    elsewhere = checked(
        tmp_path,
        admin_listen="[::]:7480",
        admin_certificate="c.pem",
        admin_key="k.pem",
        peer_address="198.51.100.7:443",
    )
    assert elsewhere.admin_url == "https://[::1]:7480"
    assert elsewhere.advertised == "198.51.100.7:443"


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0, True),
        ("127.9.9.9:1", "127.9.9.9", 1, True),
        ("localhost:65535", "localhost", 65535, True),
        ("[::1]:7443", "::1", 7443, True),
        ("[2001:db8::1]:7443", "2001:db8::1", 7443, False),
        ("lab-a.example:7443", "lab-a.example", 7443, False),
        ("localhost.example:1", "localhost.example", 1, False),
    ],
)
def test_addresses(text: str, host: str, port: int, loopback: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, loopback)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", ":1", "host", "host:", "host:-1", "host:1x", "a b:1", "[127.0.0.1]:1", "h/p:1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidConfiguration):
        Address.parse(text)
