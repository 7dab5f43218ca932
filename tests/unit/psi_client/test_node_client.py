"""The REST client: what it sends, what it makes of answers, and that it and the node name the same pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import (
    Conflict,
    InputError,
    InvalidConfiguration,
    NotFound,
    PeerUnreachable,
    PsiError,
    Refused,
)
from psi_core.identity.certificate import issue
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer

PROFILE = Profile(url="http://127.0.0.1:7480", token=SecretStr("psi_token-of-the-test"))
Answer = Callable[[httpx2.Request], httpx2.Response]


def node(answer: Answer) -> NodeClient:
    return NodeClient(PROFILE, transport=httpx2.MockTransport(answer))


def problem(status: int, **members: object) -> httpx2.Response:
    return httpx2.Response(status, json=members, headers={"content-type": "application/problem+json"})


class Recorder:
    """Answers everything with the same value and keeps what was asked."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.asked.append(request)
        if isinstance(self.value, bytes):
            return httpx2.Response(200, content=self.value)
        return httpx2.Response(200, json=self.value)


def test_the_token_goes_along_and_nothing_else_of_the_profile() -> None:
    recorder = Recorder({})
    node(recorder).status()
    (request,) = recorder.asked
    assert str(request.url) == "http://127.0.0.1:7480/v1/status"
    assert request.headers["authorization"] == "Bearer psi_token-of-the-test"
    assert "cookie" not in request.headers


def test_no_proxy_of_the_environment_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with NodeClient(PROFILE) as client, pytest.raises(PeerUnreachable) as caught:
        client.status()
    assert "127.0.0.1:7480" in caught.value.message


def test_no_node_is_told_with_its_place_and_what_to_do() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("Connection refused", request=request)

    with pytest.raises(
        PeerUnreachable, match=r"no node answers at http://127\.0\.0\.1:7480.*`psi-node serve`"
    ) as caught:
        node(refuse).peers()
    assert caught.value.fault == "admin-port"


def test_the_nodes_error_comes_back_as_itself() -> None:
    words = "budget: 40,000 evaluations of email asked, 12,500 left until 2026-12-01"
    refusal = problem(
        409, code="refused", rule="size_cap", words=words, by="lab-b.example", detail="refused by ..."
    )
    with pytest.raises(Refused) as caught:
        node(lambda _: refusal).match("lab-b.example")
    assert (caught.value.rule, caught.value.by) == ("size_cap", "lab-b.example")
    assert str(caught.value) == f"refused by lab-b.example: {words}"
    with pytest.raises(NotFound, match="no peer lab-c"):
        node(lambda _: problem(404, code="not-found", detail="no peer lab-c.example")).peer("lab-c.example")


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(502, text="<html>bad gateway</html>"),
        httpx2.Response(404, json={"code": "not-found"}),
        httpx2.Response(500, content=b"{", headers={"content-type": "application/problem+json"}),
        httpx2.Response(500, json=[1], headers={"content-type": "application/problem+json"}),
        httpx2.Response(307, headers={"location": "http://elsewhere.example/"}),
        httpx2.Response(200, text="hello"),
        httpx2.Response(200, json=["a list where an object is due"]),
    ],
)
def test_an_answer_that_no_node_gives_is_not_believed(response: httpx2.Response) -> None:
    recorded: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        recorded.append(request.url.host)
        return response

    with pytest.raises(PsiError, match="no psi node") as caught:
        node(answer).status()
    assert type(caught.value) is PsiError
    assert recorded == ["127.0.0.1"], "a redirect would carry the token elsewhere"


def test_an_unknown_code_is_an_error_all_the_same() -> None:
    with pytest.raises(PsiError, match="from a newer node"):
        node(lambda _: problem(418, code="teapot", detail="from a newer node")).status()


def test_a_file_is_sent_in_pieces_with_its_options(tmp_path: Path) -> None:
    path = tmp_path / "list of actors.csv"
    path.write_bytes(b"x" * 150_000)
    recorder, heard = Recorder({"kept": 1}), list[int]()
    report = node(recorder).import_file(
        path, mapping={"mail": "email", "tel": "phone"}, region="DE", strict=True, progress=heard.append
    )
    assert report == {"kept": 1}
    (request,) = recorder.asked
    assert request.content == b"x" * 150_000
    assert "content-length" not in request.headers
    assert request.url.params.multi_items() == [
        ("name", "list of actors.csv"),
        ("format", "csv"),
        ("map", "mail=email"),
        ("map", "tel=phone"),
        ("region", "DE"),
        ("strict", "true"),
    ]
    assert heard == [65_536, 131_072, 150_000]


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "csv"), ("a.JSONL", "jsonl"), ("a.ndjson", "jsonl"), ("a", "csv")]
)
def test_a_files_format_is_told_by_its_name(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    recorder = Recorder({})
    node(recorder).import_file(tmp_path / name)
    assert recorder.asked[0].url.params["format"] == expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        node(Recorder({})).import_file(tmp_path / "none.csv")


def test_following_a_session_yields_each_phase_and_its_end() -> None:
    standings: list[dict[str, Any]] = [
        {"over": False, "phase": "offered"},
        {"over": False, "phase": "opening"},
        {"over": True, "phase": None, "session": {"state": "complete"}},
    ]
    waiting, seen = iter(standings), list[str | None]()

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.params.get("seen"))
        return httpx2.Response(200, json=next(waiting))

    assert list(node(answer).follow("8f" * 16)) == standings
    assert seen == [None, "offered", "opening"]


def test_wishes_that_are_left_out_are_not_sent() -> None:
    recorder = Recorder({"session_id": "8f" * 16})
    assert node(recorder).match("lab-b.example", match_keys=("email",)) == "8f" * 16
    sent = json.loads(recorder.asked[0].content)
    assert sent == {"lab": "lab-b.example", "match_keys": ["email"], "reveal": "items", "engine": "auto"}


@pytest.mark.parametrize("name", ["../tokens", "a/b", "a?b", "%2e%2e"])
def test_a_name_cannot_lead_to_another_page(name: str) -> None:
    recorder = Recorder({})
    node(recorder).peer(name)
    assert re.fullmatch(rb"/v1/peers/[^/?]+", recorder.asked[0].url.raw_path)


def test_a_log_is_downloaded_in_its_layout(tmp_path: Path) -> None:
    signer = Signer.generate("lab-a.example/psi-log")
    note = _checkpoint(signer, 300)
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/v1/log/")
        asked.append(path)
        if path == "cosigned":
            body = {"code": "not-found", "detail": "no witness yet"}
            return httpx2.Response(404, json=body, headers={"content-type": "application/problem+json"})
        return httpx2.Response(200, content=note if path == "checkpoint" else path.encode())

    done = node(answer).export_log(tmp_path / "log")
    assert (done.origin, done.size, done.files) == ("lab-a.example/psi-log", 300, 6)
    names = {"tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"}
    assert set(asked) == {"checkpoint", "cosigned", *names}
    assert {
        path.relative_to(tmp_path / "log").as_posix()
        for path in (tmp_path / "log").rglob("*")
        if path.is_file()
    } == {
        "checkpoint",
        *names,
    }
    assert (tmp_path / "log" / "tile/0/001.p/44").read_text() == "tile/0/001.p/44"
    with pytest.raises(Conflict, match="not empty"):
        node(answer).export_log(tmp_path / "log")


def test_a_download_that_breaks_off_leaves_no_checkpoint(tmp_path: Path) -> None:
    note = _checkpoint(Signer.generate("lab-a.example/psi-log"), 3)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("checkpoint"):
            return httpx2.Response(200, content=note)
        return problem(503, code="node-refusing", detail="the log was set back")

    with pytest.raises(PsiError, match="set back"):
        node(answer).export_log(tmp_path / "log")
    assert not (tmp_path / "log" / "checkpoint").exists()


def _checkpoint(signer: Signer, size: int) -> bytes:
    return Checkpoint(signer.verifier.name, size, bytes(32)).signed(signer)


def test_the_profiles_ca_is_the_only_root(tmp_path: Path) -> None:
    missing = Profile(url="https://node.lab-a.example", token=SecretStr("psi_x"), ca=tmp_path / "none.pem")
    with pytest.raises(InvalidConfiguration, match=r"none\.pem cannot be used"):
        NodeClient(missing)
    (tmp_path / "ca.pem").write_bytes(issue("node.lab-a.example", datetime.now(UTC))[1])
    NodeClient(missing.model_copy(update={"ca": tmp_path / "ca.pem"})).close()
