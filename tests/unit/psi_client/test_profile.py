"""The profile file: what it may say, who may read it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from psi_client.profile import Profile
from psi_core.errors import InvalidConfiguration

TOKEN = "psi_secret-of-the-test"


def written(path: Path, mode: int = 0o600, **content: str) -> Path:
    path.write_text(json.dumps({"url": "http://127.0.0.1:7480", "token": TOKEN, **content}), encoding="utf-8")
    path.chmod(mode)
    return path


def test_what_is_saved_is_loaded_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    profile = Profile(url="https://node.lab-a.example:7480/", token=SecretStr(TOKEN), ca=Path("admin.pem"))
    path = tmp_path / "profile.json"
    path.write_text("an older one")
    path.chmod(0o644)
    profile.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["profile.json"]
    for named in (path, tmp_path):
        loaded = Profile.load(named)
        assert loaded.url == "https://node.lab-a.example:7480"
        assert loaded.token.get_secret_value() == TOKEN
        assert loaded.ca == tmp_path / "admin.pem"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o601])
def test_a_profile_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "profile.json", mode)
    with pytest.raises(InvalidConfiguration, match=f"chmod 600 {path}"):
        Profile.load(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_profile_of_the_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert Profile.load(written(tmp_path / "profile.json", mode)).url == "http://127.0.0.1:7480"


def test_the_token_has_no_readable_form(tmp_path: Path) -> None:
    profile = Profile.load(written(tmp_path / "profile.json"))
    assert TOKEN not in f"{profile!r} {profile} {profile.model_dump_json()}"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:7480", "http://node.lab-a.example", "http://localhost.example"]
)
def test_a_token_does_not_travel_in_the_clear(url: str) -> None:
    with pytest.raises(ValidationError, match="in the clear"):
        Profile(url=url, token=SecretStr(TOKEN))


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "127.0.0.1:7480", "https://", "https://a.example/path", ""]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValidationError, match="is written"):
        Profile(url=url, token=SecretStr(TOKEN))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://192.0.2.1"]
)
def test_urls_that_may_be_used(url: str) -> None:
    assert Profile(url=url, token=SecretStr(TOKEN)).url == url


def test_a_file_that_is_no_profile_is_refused_without_its_content(tmp_path: Path) -> None:
    path = written(tmp_path / "profile.json", tokn="x")
    with pytest.raises(InvalidConfiguration, match="tokn") as caught:
        Profile.load(path)
    assert TOKEN not in caught.value.message
    path.write_text("{")
    with pytest.raises(InvalidConfiguration, match="is not right"):
        Profile.load(path)


def test_no_profile_says_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="`psi-node init` writes it"):
        Profile.load(tmp_path)
