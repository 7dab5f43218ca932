"""The demo's folder: one demo at a time, begun afresh each time, and nothing removed that the demo did not make."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from examples.demo.failure import DemoError


@contextmanager
def fresh_folder(folder: Path, parts: Sequence[str]) -> Iterator[None]:
    """Own `folder` while the block runs, its sub-folders `parts` removed first.

    Raises DemoError while another demo owns it: its nodes still use what lies there.
    """
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"{folder}/ is in use: a demo runs in another terminal (make demo-serve?). End it with Ctrl-C first."
            ) from None
        for part in parts:
            shutil.rmtree(folder / part, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody uses now.

    They lie below those that the kernel hands to outgoing connections, so that none is taken before it is used.
    """
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = random.randrange(20_000, 32_000)
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found
