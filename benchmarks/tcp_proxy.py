"""A TCP proxy on loopback that can cut connections in the middle of whatever passes: a network that breaks."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 4096
# Linger on, for no time: closing sends RST, as a link that breaks does, and not FIN.
_AT_ONCE = struct.pack("ii", 1, 0)


class TcpProxy:
    """Passes bytes both ways between `port` on 127.0.0.1, where it listens, and a target port.

    `passed` counts the bytes of both directions since the last `cut_after`; `cut` is set once that has cut.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._left: int | None = None
        self.passed = 0
        self.cuts = 0
        self.cut = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut_after(self, count: int | None) -> None:
        """Cut every open connection, once, when `count` more bytes have passed; None: let all pass."""
        self.passed = 0
        self._left = count
        self.cut.clear()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            back.close()
            return
        self._open |= {back, forth}
        pumps = [asyncio.create_task(self._pump(near, forth)), asyncio.create_task(self._pump(far, back))]
        self._tasks.update(pumps)
        await asyncio.wait(pumps)
        self._tasks.difference_update(pumps)
        self._open -= {back, forth}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(_PIECE):
                kept = piece if self._left is None else piece[: self._left]
                self.passed += len(kept)
                sink.write(kept)
                await sink.drain()
                if self._left is not None:
                    self._left -= len(kept)
                    if self._left <= 0:
                        self._left = None
                        self.cuts += 1
                        self.cut.set()
                        self._cut()
        sink.close()

    def _cut(self) -> None:
        for writer in self._open:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()
