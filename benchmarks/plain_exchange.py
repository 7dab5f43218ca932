"""Baseline without privacy: two processes exchange sorted 8-byte hashes over mutual TLS and join them.

Arguments: ITEMS. The channel is the one of psi_client, in frames of the same size; each side times from its hashes
in memory to the matches in memory, and the slower one counts. Sorting and joining are compiled code (numpy): in Python
they would take longer than the exchange, and flatter what is compared.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import secrets
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import numpy as np

from psi_client.channel import FRAME_BYTES, MAX_MESSAGE_BYTES, PeerEndpoint, TlsIdentity, open_channel
from psi_client.quiet_grpc import grpc
from psi_core.identity.certificate import der_of_pem, issue

WIDTH = 8
LABS = ("lab-a.example", "lab-b.example")
_SERVICE, _METHOD = "benchmarks.Plain", "Exchange"


def _sorted(hashes: bytes) -> bytes:
    return np.sort(np.frombuffer(hashes, dtype=np.uint64)).tobytes()


def _frames(data: bytes) -> list[bytes]:
    return [data[at : at + FRAME_BYTES] for at in range(0, len(data), FRAME_BYTES)]


def _join(ours: bytes, theirs: bytes) -> int:
    """How many of our sorted hashes are among theirs."""
    sought, held = np.frombuffer(ours, dtype=np.uint64), np.frombuffer(theirs, dtype=np.uint64)
    places = np.minimum(np.searchsorted(held, sought), len(held) - 1)
    return int(np.count_nonzero(held[places] == sought))


class _Server:
    """Answers one exchange with its own hashes while it reads the other's."""

    def __init__(self, hashes: bytes) -> None:
        self._hashes = hashes
        self.seconds = self.cpu_seconds = 0.0

    async def exchange(
        self, frames: AsyncIterator[bytes], _: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        """Send all, read all, join."""
        begun, cpu = time.perf_counter(), time.process_time()
        ours = await asyncio.to_thread(_sorted, self._hashes)
        for frame in _frames(ours):
            yield frame
        theirs = b"".join([frame async for frame in frames])
        _join(ours, theirs)
        self.seconds, self.cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu

    def handlers(self) -> grpc.GenericRpcHandler:
        """Bytes in, bytes out: nothing is parsed."""
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self.exchange)
        return grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler})


async def _serve(pipe: Connection, hashes: bytes, own: tuple[bytes, bytes], peer_pem: bytes) -> None:
    server = grpc.aio.server(options=(("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),))
    plain = _Server(hashes)
    server.add_generic_rpc_handlers((plain.handlers(),))
    credentials = grpc.ssl_server_credentials([own], peer_pem, require_client_auth=True)
    pipe.send(server.add_secure_port("127.0.0.1:0", credentials))
    await server.start()
    await asyncio.to_thread(pipe.recv)
    pipe.send((plain.seconds, plain.cpu_seconds))
    await server.stop(1)


def serve(pipe: Connection, hashes: bytes, own: tuple[bytes, bytes], peer_pem: bytes) -> None:
    """The other process."""
    asyncio.run(_serve(pipe, hashes, own, peer_pem))


async def _dial(port: int, hashes: bytes, own: tuple[bytes, bytes], peer_pem: bytes) -> tuple[float, float]:
    endpoint = PeerEndpoint(LABS[1], f"127.0.0.1:{port}", der_of_pem(peer_pem))
    async with open_channel(TlsIdentity(LABS[0], own[1], own[0]), endpoint) as channel:
        await channel.channel_ready()
        call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(f"/{_SERVICE}/{_METHOD}")()
        begun, cpu = time.perf_counter(), time.process_time()
        ours = await asyncio.to_thread(_sorted, hashes)

        async def send() -> None:
            for frame in _frames(ours):
                await call.write(frame)
            await call.done_writing()

        sending = asyncio.create_task(send())
        theirs = b"".join([frame async for frame in call])
        _join(ours, theirs)
        await sending
        return time.perf_counter() - begun, time.process_time() - cpu


def main(items: int) -> None:
    """Time one exchange of random hashes, one in a hundred shared."""
    shared = secrets.token_bytes(WIDTH * (items // 100))
    lists = [shared + secrets.token_bytes(WIDTH * items - len(shared)) for _ in LABS]
    now = datetime.now(UTC)
    keys = [issue(lab, now) for lab in LABS]
    pipe, far = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(
        target=serve, args=(far, lists[1], keys[1], keys[0][1])
    )
    other.start()
    seconds, cpu = asyncio.run(_dial(pipe.recv(), lists[0], keys[0], keys[1][1]))
    pipe.send("done")
    its_seconds, its_cpu = pipe.recv()
    print(json.dumps({"seconds": max(seconds, its_seconds), "cpu_seconds": cpu + its_cpu}))
    other.join()


if __name__ == "__main__":
    main(int(sys.argv[1]))
