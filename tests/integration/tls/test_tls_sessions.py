"""Streams over mutual TLS: echo, backpressure, ends from either side, removal, the node's stop."""

from __future__ import annotations

import asyncio

import pytest

from psi_client.channel import FRAME_BYTES
from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_core.errors import PeerUnreachable, ProtocolFault, PsiError, SessionAborted
from psi_core.wire.peers_pb2 import DeliverRequest
from psi_core.wire.session_pb2 import EngineFrame, SessionFrame


async def ended(node) -> PsiError:
    async with asyncio.timeout(5):
        return await node.sessions.ended.get()


def unlimited_channel(a, b) -> grpc.aio.Channel:
    """A channel of a peer whose software keeps no limit of its own."""
    credentials = grpc.ssl_channel_credentials(b.own.certificate_pem, a.own.key_pem, a.own.certificate_pem)
    options = (
        ("grpc.ssl_target_name_override", b.lab),
        ("grpc.max_send_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
    )
    return grpc.aio.secure_channel(f"127.0.0.1:{b.port}", credentials, options=options)


async def test_frames_go_both_ways_in_order(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        for number in range(20):
            await stream.send(frame(b"%d" % number))
        assert [(await stream.receive()).offer for _ in range(20)] == [b"%d" % n for n in range(20)]
    error = await ended(b)
    assert isinstance(error, PeerUnreachable)
    assert error.fault == Fault.CLOSED


async def test_a_full_frame_passes_and_a_larger_message_is_refused_by_either_end(pair):
    a, b = pair
    async with a.stream(b) as stream:
        full = SessionFrame(engine=EngineFrame(lane=15, run=1, payload=bytes(FRAME_BYTES)))
        await stream.send(full)
        assert await stream.receive() == full
        # Our own end does not even send it.
        with pytest.raises(ProtocolFault, match="larger than one frame"):
            await stream.send(SessionFrame(engine=EngineFrame(payload=bytes(FRAME_BYTES + (65 << 10)))))
    await ended(b)


async def test_a_message_above_the_limit_is_refused_by_the_responder_too(pair):
    a, b = pair
    channel = unlimited_channel(a, b)
    async with channel:
        call = channel.stream_stream("/psi_core.wire.Sessions/Run")()
        too_large = SessionFrame(engine=EngineFrame(payload=bytes(FRAME_BYTES + (65 << 10))))
        await call.write(too_large.SerializeToString())
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        small = channel.unary_unary("/psi_core.wire.Peers/Deliver")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await small(DeliverRequest(lab=a.lab, note=bytes(FRAME_BYTES + (65 << 10))).SerializeToString())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert b.delivered == []


async def test_a_receive_that_was_given_up_loses_no_frame(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stream.receive()
        await stream.send(frame(b"after the timeout"))
        assert (await stream.receive()).offer == b"after the timeout"


async def test_a_cancelled_stream_raises_here_and_ends_there(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        await stream.receive()
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        stream.cancel()
        with pytest.raises(PeerUnreachable, match="ended on this side") as caught:
            await waiting
        assert caught.value.fault == Fault.CANCELLED
        with pytest.raises(PeerUnreachable):
            await stream.send(frame(b"y"))
    assert (await ended(b)).fault == Fault.CLOSED


async def test_the_responder_may_end_it_with_an_error_of_the_tree(pair, frame):
    a, b = pair

    async def refuse(stream):
        await stream.receive()
        raise ProtocolFault("the offer came twice")

    b.sessions._echo = refuse
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        with pytest.raises(
            PsiError, match=r"lab-b.example answered: the offer came twice \(protocol-fault\)"
        ):
            await stream.receive()
        with pytest.raises(PsiError):
            await stream.send(frame(b"y"))


async def test_bytes_that_are_no_frame_are_a_protocol_fault(pair):
    a, b = pair
    async with a.client(b) as client:
        call = client._channel.stream_stream("/psi_core.wire.Sessions/Run")()
        await call.write(b"\xff\xff\xff")
        with pytest.raises(Exception, match="not a message of the expected type"):
            await call.read()
    assert isinstance(await ended(b), ProtocolFault)


async def test_removing_a_peer_ends_its_open_stream_and_tells_it_why(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        await stream.receive()
        await b.directory.remove(a.lab)
        with pytest.raises(
            PeerUnreachable, match=r"^lab-b.example ended the call: .* no longer peers$"
        ) as caught:
            await stream.receive()
        assert caught.value.fault == Fault.CLOSED
    # The session there heard of it and could finish what it had to write.
    assert (await ended(b)).fault == Fault.REMOVED
    assert b.calls.count(a.lab) == 0


async def test_removing_a_peer_ends_the_streams_that_we_opened(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        await stream.receive()
        await a.directory.remove(b.lab)
        with pytest.raises(PeerUnreachable, match="no longer peers") as caught:
            await stream.receive()
        assert caught.value.fault == Fault.REMOVED
    await ended(b)


async def test_the_open_connection_of_a_removed_peer_is_of_no_use(pair):
    a, b = pair
    async with a.client(b) as client:
        await client.hello(a.hello())
        await b.directory.remove(a.lab)
        with pytest.raises(PeerUnreachable, match="not pinned here") as caught:
            await client.hello(a.hello())
        assert caught.value.fault == Fault.NOT_ACCEPTED


async def test_stopping_the_node_ends_open_sessions_with_words(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        await stream.receive()
        stop = asyncio.create_task(b.server.stop(5))
        with pytest.raises(SessionAborted, match=r"^lab-b.example ended the session: the node is stopping"):
            await stream.receive()
        await stop
    assert isinstance(await ended(b), SessionAborted)
    assert b.sessions.open == 0
    with pytest.raises(PeerUnreachable):
        await a.delivery.deliver(b.lab, b"x")


async def test_a_node_that_vanishes_is_peer_unreachable(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        await stream.receive()
        stop = asyncio.create_task(b.server._server.stop(0))
        with pytest.raises(PeerUnreachable):
            await stream.receive()
        await stop
    assert isinstance(await ended(b), PeerUnreachable)


async def test_a_lab_has_a_limit_of_open_calls(pair, frame, until):
    a, b = pair
    async with a.client(b) as client:
        streams = [client.run() for _ in range(8)]
        for stream in streams:
            await stream.send(frame(b"x"))
            await stream.receive()
        one_more = client.run()
        with pytest.raises(PsiError, match="8 calls are open already") as caught:
            await one_more.receive()
        assert caught.value.rule == "concurrent"
        streams[0].cancel()
        await ended(b)
        await until(lambda: b.calls.count(a.lab) == 7)
        assert (await client.hello(a.hello())).facts.lab == b.lab
        for stream in streams:
            stream.cancel()


async def test_session_aborted_is_told_to_the_session_itself(pair, frame):
    a, b = pair
    async with a.stream(b) as stream:
        await stream.send(frame(b"x"))
        await stream.receive()
        a.calls.end_all(SessionAborted("the node is stopping"))
        with pytest.raises(SessionAborted, match="the node is stopping"):
            await stream.receive()
    await ended(b)


async def test_a_peer_that_is_removed_while_the_first_frame_is_being_sent_is_told(pair, frame):
    """grpc.aio sends the first write's metadata again, and waits for ever, when that write was left half-way."""
    a, b = pair

    async def first_frame(stream):
        asyncio.get_running_loop().call_soon(b.calls.end, a.lab, SessionAborted("no longer peers"))
        await stream.send(frame(b"first"))

    async def until_told(stream):
        while True:
            await stream.receive()

    b.sessions._echo = first_frame
    for _ in range(20):
        async with asyncio.timeout(10), a.stream(b) as stream:
            with pytest.raises(PsiError, match="no longer peers"):
                await until_told(stream)


@pytest.mark.parametrize("how", ["removed", "refused"])
async def test_who_only_sends_learns_why_it_ended(pair, how):
    a, b = pair
    answered = asyncio.Event()

    async def swallow(stream):
        answered.set()
        while True:
            await stream.receive()
            if how == "refused":
                raise ProtocolFault("out of order")

    b.sessions._echo = swallow
    full = SessionFrame(engine=EngineFrame(payload=bytes(FRAME_BYTES)))

    async def flood(stream):
        while True:
            await stream.send(full)

    async with a.stream(b) as stream:
        flooding = asyncio.create_task(flood(stream))
        async with asyncio.timeout(10):
            await answered.wait()
        if how == "removed":
            await b.directory.remove(a.lab)
        with pytest.raises(PsiError, match=r"no longer peers|out of order \(protocol-fault\)"):
            await flooding
