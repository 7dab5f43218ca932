"""Rooms `imports` and `consortium`: the stream into the importer, and the real consortium service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Message

from psi_core.identity.card import Card
from psi_core.identity.invite import Invite
from psi_core.identity.node_keys import NodeKeys
from psi_service.consortium.service import ConsortiumService
from psi_service.imports.importer import Importer
from psi_service.imports.report import ImportReport
from psi_service.tokens import Role

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Reader:
    """An importer that reads its source and remembers how it was called."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.options: dict[str, Any] = {}
        self.broken: Exception | None = None

    async def run(self, source: AsyncIterator[bytes], **options: Any) -> ImportReport:
        self.options = options
        try:
            async for piece in source:
                self.pieces.append(piece)
        except Exception as error:
            self.broken = error
            raise
        return ImportReport(
            import_id=1,
            file=options["name"],
            state="done",
            **dict.fromkeys(("rows", "kept", "refused", "actors", "new_actors", "indicators", "derived"), 0),
            ignored_columns=(),
            refusals=(),
            more_refusals=False,
        )


def test_a_body_reaches_the_importer_with_its_options(api: Any) -> None:
    reader = Reader()
    client = api.client(Role.ANALYST, importer=reader)
    query = "name=a%20list.csv&format=jsonl&map=mail=email&map=a=b=phone&region=DE&strict=true&actor_column=account"
    response = client.post(f"/v1/imports?{query}", content=b"x" * 600_000)
    assert response.status_code == 200
    assert b"".join(reader.pieces) == b"x" * 600_000
    assert reader.options == {
        "name": "a list.csv",
        "format": "jsonl",
        "mapping": {"mail": "email", "a=b": "phone"},
        "region": "DE",
        "strict": True,
        "actor_column": "account",
    }


@pytest.mark.parametrize(
    "query", ["map=email", "map==email", "map=a=email&map=a=phone", "format=xlsx", "strct=true"]
)
def test_options_that_mean_nothing_are_refused_before_the_body_is_read(api: Any, query: str) -> None:
    reader = Reader()
    response = api.client(importer=reader).post(f"/v1/imports?{query}", content=b"x")
    assert response.status_code == 422
    assert reader.pieces == []


def test_a_file_above_the_limit_is_broken_off(api: Any) -> None:
    reader = Reader()
    client = api.client(importer=reader)
    assert client.post("/v1/imports", content=b"x" * (1 << 20)).status_code == 200
    pieces: Iterator[bytes] = iter([b"x" * (1 << 19)] * 3)
    response = client.post("/v1/imports", content=pieces)
    assert (response.status_code, response.json()["code"]) == (413, "invalid-input")
    assert reader.broken is not None


async def test_pieces_are_read_as_they_come_and_a_sender_that_goes_away_breaks_the_import_off(
    api: Any,
) -> None:
    reader = Reader()
    headers = [
        (b"host", b"127.0.0.1:7480"),
        (b"authorization", f"Bearer {api.tokens[Role.ANALYST]}".encode()),
    ]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/imports",
        "raw_path": b"/v1/imports",
    }
    scope |= {
        "scheme": "http",
        "headers": headers,
        "http_version": "1.1",
        "query_string": b"",
        "root_path": "",
    }
    scope |= {"client": None, "server": None}
    messages = iter(
        [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(messages)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    await api.application(importer=reader)(scope, receive, send)
    assert reader.pieces == [b"half"]
    assert str(reader.broken) == "the file broke off before its end; import it again"
    assert sent[0]["status"] == 422


def test_a_real_import_and_the_list_of_past_ones(api: Any) -> None:
    async def key() -> tuple[str, bytes]:
        return "0" * 16, b"k" * 32

    services = api.services
    importer = Importer(
        services.store, services.log, services.clock, data_key=b"d" * 32, current_key=key, processes=1
    )
    client = api.client(Role.ANALYST, importer=importer)
    csv = b"actor,kind,value\nacct-1,email,ada@example.org\nacct-2,email,no address\n"
    report = client.post("/v1/imports?name=actors.csv", content=csv).json()
    assert (report["kept"], report["refused"], report["actors"]) == (1, 1, 1)
    assert report["refusals"][0]["line"] == 3
    assert "no address" not in str(report)
    (past,) = client.get("/v1/imports").json()
    assert (past["name"], past["state"], past["kept"]) == ("actors.csv", "done", 1)


def consortium_of(api: Any, keys: NodeKeys, deliver: Any = None) -> ConsortiumService:
    services = api.services
    return ConsortiumService(keys, services.store, services.log, services.peers.get, deliver, services.clock)


def test_a_consortium_is_created_and_a_pinned_lab_invited(api: Any) -> None:
    own, peer = (NodeKeys.generate(lab, NOW) for lab in ("lab-a.example", "lab-b.example"))
    delivered: list[tuple[str, bytes]] = []

    async def deliver(lab: str, note: bytes) -> str:
        delivered.append((lab, note))
        return "waiting"

    client = api.client(consortium=consortium_of(api, own, deliver))
    card = peer.card("lab-b.example", "psi.lab-b.example:7443", NOW)
    assert client.post("/v1/consortium/invites", json={"lab": "lab-b.example"}).status_code == 404
    client.post("/v1/peers", json={"card": card.decode()})
    created = client.post("/v1/consortium", json={"name": "abuse sharing"})
    assert created.status_code == 201
    assert client.get("/v1/consortium").json() == [created.json()]
    sent = client.post("/v1/consortium/invites", json={"lab": "lab-b.example"}).json()
    assert sent["delivered"] == "waiting"
    assert delivered == [("lab-b.example", sent["note"].encode())]
    by_file = client.post("/v1/consortium/invites", json={"lab": "lab-b.example", "send": False}).json()
    assert (by_file["delivered"], by_file["fault"]) == (None, None)
    assert len(delivered) == 1
    assert Card.read(card).lab == Invite.unverified(by_file["note"].encode()).recipient


def test_an_invite_is_joined_by_file_or_by_hash(api: Any) -> None:
    own, peer = (NodeKeys.generate(lab, NOW) for lab in ("lab-a.example", "lab-b.example"))
    service = consortium_of(api, own)
    client = api.client(consortium=service)
    client.post("/v1/peers", json={"card": peer.card("lab-b.example", "psi.lab-b.example:1", NOW).decode()})
    invite = Invite.seal(
        b"k" * 32,
        signer=peer.document,
        recipient=Card.read(own.card("lab-a.example", "psi.lab-a.example:1", NOW)),
        consortium="abuse sharing",
        profile="v1",
        created="2026-11-24T09:30:00Z",
    )
    for body in ({}, {"hash": "7f3a", "note": invite.decode()}):
        assert client.post("/v1/consortium/join", json=body).status_code == 422
    assert client.post("/v1/consortium/join", json={"hash": "7f3a"}).status_code == 404
    assert asyncio.run(service.received("lab-b.example", invite)) == "waiting"
    (waiting,) = client.get("/v1/consortium/invites").json()
    assert waiting["lab"] == "lab-b.example"
    joined = client.post("/v1/consortium/join", json={"hash": waiting["hash"][:8]})
    assert (joined.status_code, joined.json()["origin"]) == (200, "lab-b.example")
    again = client.post("/v1/consortium/join", json={"note": invite.decode()})
    assert again.json()["code"] == "conflict"
    assert (b"k" * 32).hex() not in client.get("/v1/consortium").text
