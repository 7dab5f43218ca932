"""Service Peers over mutual TLS: what is handed on, what is refused, and what a peer may read of an error."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from grpc_health.v1 import health_pb2

from psi_client.peer_client import PeerClient
from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_core.errors import (
    Conflict,
    NodeRefusing,
    PeerError,
    PeerUnreachable,
    ProtocolFault,
    Refused,
)
from psi_core.log.note import MAX_NOTE
from psi_core.wire import peers_pb2
from psi_core.wire.peers_pb2 import DeliverReply, DeliverRequest, SettleReply
from psi_core.wire.session_pb2 import Checkpoint

SESSION = "00" * 16


def raising(error: Exception):
    """A handler that fails."""

    async def fail():
        raise error

    return fail


@contextlib.asynccontextmanager
async def raw_call(a, b, method: str):
    """A call of lab-a's with bytes that its software would not send."""
    async with a.client(b) as client:
        yield client._channel.unary_unary(method)


async def test_a_note_is_handed_on_with_the_callers_name(pair):
    a, b = pair
    assert await a.delivery.deliver(b.lab, b"note") == "waiting"
    assert b.delivered == [(a.lab, b"note")]


async def test_settle_and_own_checkpoints_carry_what_is_held(pair):
    a, b = pair
    b.settle = lambda lab, request: SettleReply(record=request.record + lab.encode(), refuse=b"r", abort=b"a")
    b.checkpoints = [Checkpoint(note=b"%d" % number, consistency_proof=[bytes(32)]) for number in range(70)]
    async with a.client(b) as client:
        reply = await client.settle(SESSION, record=b"half of ")
        assert (reply.record, reply.refuse, reply.abort) == (b"half of lab-a.example", b"r", b"a")
        kept = await client.own_checkpoints()
        assert [checkpoint.note for checkpoint in kept] == [b"%d" % number for number in range(6, 70)]


@pytest.mark.parametrize("size", [0, MAX_NOTE + 1])
async def test_a_note_of_the_wrong_size_is_not_handed_on(pair, size):
    a, b = pair
    with pytest.raises(PeerError, match="protocol-fault"):
        await a.delivery.deliver(b.lab, bytes(size))
    assert b.delivered == []


@pytest.mark.parametrize(
    "request_",
    [
        {"session_id": "00" * 15},
        {"session_id": "../" * 10 + "00"},
        {"session_id": SESSION, "record": bytes(MAX_NOTE + 1)},
        {"session_id": SESSION, "abort": bytes(MAX_NOTE + 1)},
    ],
)
async def test_a_malformed_settle_is_not_handed_on(pair, request_):
    a, b = pair
    b.settle = lambda lab, request: pytest.fail("handed on")
    async with a.client(b) as client:
        with pytest.raises(PeerError, match="protocol-fault"):
            await client.settle(**request_)


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocols": []},
        {"protocols": ["psi/1"] * 17},
        {"protocols": ["psi 1"]},
        {"profile": "x" * 65},
        {"consortium_key_id": "\n"},
        {"card_fingerprint": bytes(31)},
        {"time": "2026-11-24 09:30:00"},
        {"time": "2026-02-30T09:30:00Z"},
    ],
)
async def test_a_malformed_hello_is_refused(pair, wrong):
    a, b = pair
    request = a.hello()
    for name, value in wrong.items():
        request.ClearField(name)
        request.MergeFrom(peers_pb2.HelloRequest(**{name: value}))
    async with a.client(b) as client:
        with pytest.raises(PeerError, match="protocol-fault"):
            await client.hello(request)


async def test_bytes_that_are_no_message_are_a_protocol_fault_and_tell_nothing(pair):
    a, b = pair
    async with raw_call(a, b, "/psi_core.wire.Peers/Deliver") as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\xff\xff\xff")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "these bytes are not a message of the expected type"


async def test_an_error_of_the_tree_travels_as_code_sentence_and_slug(pair):
    a, b = pair
    b.before = raising(Conflict("this agreement was revoked"))
    with pytest.raises(PeerError, match=r"^lab-b.example answered: this agreement was revoked \(conflict\)$"):
        await a.delivery.deliver(b.lab, b"note")
    b.before = raising(Refused("late_aborts", "5 late aborts"))
    with pytest.raises(Refused, match=r"^refused by lab-b.example: 5 late aborts$") as caught:
        await a.delivery.deliver(b.lab, b"note")
    assert (caught.value.rule, caught.value.by) == ("late_aborts", b.lab)
    b.before = raising(NodeRefusing("the log is behind its head file"))
    with pytest.raises(PeerError, match="behind its head file"):
        await a.delivery.deliver(b.lab, b"note")


@pytest.mark.parametrize("error", [ValueError("secret"), OSError(2, "secret"), KeyError("secret")])
async def test_any_other_error_is_internal_and_says_nothing(pair, error, capsys):
    a, b = pair
    b.before = raising(error)
    async with raw_call(a, b, "/psi_core.wire.Peers/Deliver") as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(DeliverRequest(lab=a.lab, note=b"note").SerializeToString())
    answer = caught.value
    assert (answer.code(), answer.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert dict(answer.trailing_metadata())["psi-error"] == "internal"
    assert "secret" not in repr(answer)
    # The node's own log has all of it.
    assert "secret" in capsys.readouterr().out


async def test_a_peer_that_does_not_answer_is_a_timeout(pair):
    a, b = pair
    b.before = asyncio.Event().wait
    async with PeerClient(a.own, b.endpoint, unary_seconds=0.2) as client:
        with pytest.raises(PeerUnreachable) as caught:
            await client.deliver(b"note")
    assert caught.value.fault == Fault.TIMEOUT


async def test_closing_a_client_ends_its_calls_with_words(pair, until):
    a, b = pair
    b.before = asyncio.Event().wait
    client = a.client(b)
    call = asyncio.create_task(client.deliver(b"note"))
    await until(lambda: b.calls.count(a.lab) == 1)
    await client.close()
    with pytest.raises(PeerUnreachable, match="closed on this side"):
        await call
    with pytest.raises(PeerUnreachable, match="closed on this side"):
        await client.deliver(b"note")


async def test_replies_are_checked_before_they_are_used(pair):
    a, b = pair
    b.settle = lambda lab, request: SettleReply(record=bytes(MAX_NOTE + 1))
    b.checkpoints = [Checkpoint(note=bytes(9000))]
    b.state = "done"
    async with a.client(b) as client:
        with pytest.raises(ProtocolFault, match="a record has 65,537 bytes"):
            await client.settle(SESSION)
        with pytest.raises(ProtocolFault, match="a checkpoint has 9,000 bytes"):
            await client.own_checkpoints()
        with pytest.raises(ProtocolFault, match="a state that is not known"):
            await client.deliver(b"note")


async def test_a_reply_that_names_another_lab_or_is_no_message_is_a_protocol_fault(pair):
    a, b = pair
    b.facts = a.facts
    async with a.client(b) as client:
        with pytest.raises(ProtocolFault, match="another lab's"):
            await client.hello(a.hello())

        async def garbage(request, **options):
            return None  # what grpc.aio makes of bytes that do not parse

        client._peers.Deliver = garbage
        with pytest.raises(ProtocolFault, match="no reply"):
            await client.deliver(b"note")


async def test_an_unknown_call_is_told_as_another_version(pair):
    a, b = pair
    async with a.client(b) as client:
        client._peers.Deliver = client._channel.unary_unary(
            "/psi_core.wire.Peers/Resume",
            request_serializer=DeliverRequest.SerializeToString,
            response_deserializer=DeliverReply.FromString,
        )
        with pytest.raises(PeerUnreachable, match="another version") as caught:
            await client.deliver(b"note")
    assert caught.value.fault == Fault.PROTOCOL


async def test_health_is_for_pinned_peers_and_ends_with_the_node(pair):
    a, b = pair
    request = health_pb2.HealthCheckRequest().SerializeToString()
    async with raw_call(a, b, "/grpc.health.v1.Health/Check") as check:
        reply = health_pb2.HealthCheckResponse.FromString(await check(request))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
        await b.server._health.stopping()
        reply = health_pb2.HealthCheckResponse.FromString(await check(request))
        assert reply.status == health_pb2.HealthCheckResponse.NOT_SERVING
        await b.directory.remove(a.lab)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(request)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health_can_be_watched_until_the_peer_is_removed(pair):
    a, b = pair
    async with a.client(b) as client:
        watch = client._channel.unary_stream("/grpc.health.v1.Health/Watch")
        call = watch(health_pb2.HealthCheckRequest().SerializeToString())
        first = health_pb2.HealthCheckResponse.FromString(await call.read())
        assert first.status == health_pb2.HealthCheckResponse.SERVING
        await b.directory.remove(a.lab)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.ABORTED


async def test_a_delivery_under_way_ends_when_the_peer_is_removed(pair, until):
    a, b = pair
    b.before = asyncio.Event().wait
    delivery = asyncio.create_task(a.delivery.deliver(b.lab, b"note"))
    await until(lambda: b.calls.count(a.lab) == 1)
    await a.directory.remove(b.lab)
    with pytest.raises(PeerUnreachable, match="no longer peers"):
        await delivery
