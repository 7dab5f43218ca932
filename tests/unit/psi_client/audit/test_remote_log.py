"""Logs at URLs: fetched within bounds, believed as little as folders."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from psi_client.audit import Auditor, State
from psi_client.audit import remote as remote_module
from psi_client.audit.remote import RemoteLog
from psi_client.profile import Profile
from psi_core.errors import (
    AccessDenied,
    InvalidConfiguration,
    InvalidSignature,
    NotFound,
    PeerUnreachable,
    ProtocolFault,
    VerificationError,
)
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.tiles import entries_path
from tests.logged_labs import Lab

URL = "https://lab-a.example/psi-log"
PACKED = {"content-encoding": "gzip"}
PROFILE = Profile(url="https://lab-a.example", token=SecretStr("secret"), ca=None)


class Server:
    """Serves an export below /psi-log, and the same below a node's /v1/log to whoever has the token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.answer: Callable[[str], httpx2.Response | None] = lambda path: None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        root, _, path = request.url.path.removeprefix("/v1").lstrip("/").partition("/")
        assert root in {"psi-log", "log"}
        self.asked.append(path)
        if other := self.answer(path):
            return other
        if root == "log" and request.headers.get("authorization") != "Bearer secret":
            return httpx2.Response(401)
        file = self.folder / path
        return httpx2.Response(200, content=file.read_bytes()) if file.is_file() else httpx2.Response(404)


@pytest.fixture
def served(lab_a: Lab, tmp_path: Path) -> Server:
    lab_a.pad(300)
    return Server(lab_a.export(tmp_path / "export"))


def fetched(server: Server, lab: Lab, folder: Path, url: str = URL, profiles=()) -> Path:
    folder.mkdir()
    with RemoteLog(url, profiles, transport=httpx2.MockTransport(server)) as log:
        log.fetch_into(folder, lab.verifiers)
    return folder


def test_what_is_fetched_is_the_export(served: Server, lab_a: Lab, tmp_path: Path) -> None:
    folder = fetched(served, lab_a, tmp_path / "copy")
    for there in served.folder.rglob("*"):
        if there.is_file():
            assert (folder / there.relative_to(served.folder)).read_bytes() == there.read_bytes()
    Auditor(lab_a.verifiers).verify([folder]).check()


def test_a_node_is_asked_with_the_token_of_its_profile_and_no_other(
    served: Server, lab_a: Lab, tmp_path: Path
) -> None:
    fetched(served, lab_a, tmp_path / "one", "https://lab-a.example", [PROFILE])
    fetched(served, lab_a, tmp_path / "two", "https://lab-a.example/v1/log/", [PROFILE])
    other = PROFILE.model_copy(update={"url": "https://lab-a.example:1"})
    with pytest.raises(AccessDenied, match="--profile"):
        fetched(served, lab_a, tmp_path / "three", "https://lab-a.example/v1/log", [other])


def test_nothing_is_fetched_until_a_key_that_was_given_signed_the_checkpoint(
    served: Server, lab_a: Lab, lab_b: Lab, tmp_path: Path
) -> None:
    with pytest.raises(VerificationError, match="KEYS has no key"):
        fetched(served, lab_b, tmp_path / "one")
    forged = served.folder.joinpath("checkpoint").read_bytes().replace(b"\n300\n", b"\n1300\n", 1)
    (served.folder / "checkpoint").write_bytes(forged)
    with pytest.raises(InvalidSignature):
        fetched(served, lab_a, tmp_path / "two")
    assert served.asked == ["checkpoint", "checkpoint"]


def test_lie_tail_removed_at_a_url(served: Server, lab_a: Lab, tmp_path: Path) -> None:
    (served.folder / entries_path(1, 44)).unlink()
    report = Auditor(lab_a.verifiers).verify([fetched(served, lab_a, tmp_path / "copy")])
    broken = {claim.name: claim.words for claim in report.claims if claim.state is State.BROKEN}
    assert broken == {"entries unmodified and in order": f"{entries_path(1, 44)} is missing"}


def test_an_astronomical_size_ends_with_the_first_file_that_is_missing(
    served: Server, lab_a: Lab, tmp_path: Path
) -> None:
    (served.folder / "checkpoint").write_bytes(
        Checkpoint(lab_a.log_key.name, 1 << 62, bytes(32)).signed(lab_a.log_key)
    )
    fetched(served, lab_a, tmp_path / "copy")
    assert len(served.asked) < 10


@pytest.mark.parametrize(
    ("path", "answer", "fault"),
    [
        ("checkpoint", httpx2.Response(404), NotFound),
        ("checkpoint", httpx2.Response(500), ProtocolFault),
        ("checkpoint", httpx2.Response(302, headers={"location": "https://evil.example/"}), ProtocolFault),
        ("checkpoint", httpx2.Response(403), AccessDenied),
        ("checkpoint", httpx2.Response(200, content=b"x" * 70_000), ProtocolFault),
        ("tile/0/000", httpx2.Response(200, content=b"x" * 9_000), ProtocolFault),
        ("tile/0/000", httpx2.Response(503), ProtocolFault),
        (
            "checkpoint",
            httpx2.Response(200, headers=PACKED, content=gzip.compress(bytes(1 << 20))),
            ProtocolFault,
        ),
    ],
)
def test_a_server_that_answers_otherwise_ends_the_audit(
    served: Server, lab_a: Lab, tmp_path: Path, path: str, answer: httpx2.Response, fault: type[Exception]
) -> None:
    served.answer = lambda asked: answer if asked == path else None
    with pytest.raises(fault):
        fetched(served, lab_a, tmp_path / "copy")


def test_a_server_that_never_ends_is_left(
    served: Server, lab_a: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "MOST_BYTES", 10_000)
    with pytest.raises(ProtocolFault, match="serves more than"):
        fetched(served, lab_a, tmp_path / "copy")


def test_empty_files_without_end_are_left(
    served: Server, lab_a: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "MOST_BYTES", 100_000)
    (served.folder / "checkpoint").write_bytes(
        Checkpoint(lab_a.log_key.name, 1 << 62, bytes(32)).signed(lab_a.log_key)
    )
    served.answer = lambda path: httpx2.Response(200) if path.startswith("tile/") else None
    with pytest.raises(ProtocolFault, match="serves more than"):
        fetched(served, lab_a, tmp_path / "copy")
    assert len(served.asked) < 20


def test_nobody_there(lab_a: Lab, tmp_path: Path) -> None:
    def gone(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no route")

    with (
        RemoteLog(URL, transport=httpx2.MockTransport(gone)) as log,
        pytest.raises(PeerUnreachable, match="cannot be fetched"),
    ):
        log.fetch_into(tmp_path, lab_a.verifiers)


def test_a_file_that_drips_is_given_up(lab_a: Lab, tmp_path: Path) -> None:
    hours = iter(range(1_000))

    def dripping(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=(b"." for _ in range(1_000)))

    with (
        RemoteLog(URL, transport=httpx2.MockTransport(dripping), clock=lambda: next(hours) * 3600.0) as log,
        pytest.raises(PeerUnreachable, match="a second: it was given up"),
    ):
        log.fetch_into(tmp_path, lab_a.verifiers)
    assert next(hours) == 2


@pytest.mark.parametrize(
    "url",
    ["http://lab-a.example/log", "https://", "https://a@b.example", "https://b.example/?x", "https://[/"],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(InvalidConfiguration):
        RemoteLog(url)
