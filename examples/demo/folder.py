"""The demo's folder: one demo at a time, begun afresh each time, and nothing removed that the demo did not make."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
    """Different ports of 127.0.0.1 on which nothing listens just now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
