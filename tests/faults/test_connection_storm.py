"""Strangers who only connect: gRPC once replaced, at every handshake, what another handshake was using, and crashed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.two_nodes import Place, places

STRANGER = """
import socket, ssl, sys, threading
from contextlib import suppress

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE

def knock():
    for _ in range(60):
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as line:
            context.wrap_socket(line).close()

threads = [threading.Thread(target=knock) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
SERVE = """
import asyncio, pathlib, sys
from psi_service.node.app import serve
from psi_service.clock import system_clock
from psi_service.settings import Settings
settings = Settings.load(pathlib.Path(sys.argv[1]))
asyncio.run(serve(settings, system_clock, lambda node: print("started", flush=True)))
"""


async def test_a_thousand_strangers_at_once_leave_the_node_running(tmp_path: Path) -> None:
    place, _ = await places(tmp_path)
    node = await serve(place)
    port = str(place.settings.peer_listen_address.port)
    storms = [await asyncio.create_subprocess_exec(sys.executable, "-c", STRANGER, port) for _ in range(3)]
    ended = [await asyncio.wait_for(storm.wait(), 120) for storm in storms]
    assert (ended, node.returncode) == ([0, 0, 0], None)
    node.terminate()
    assert await asyncio.wait_for(node.wait(), 60) == 0


async def serve(place: Place) -> asyncio.subprocess.Process:
    node = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, str(place.data_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert node.stdout is not None
    assert await node.stdout.readline() == b"started\n"
    return node
