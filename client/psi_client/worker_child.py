"""One child process of a worker pool, seen from the parent."""

from __future__ import annotations

import contextlib
import os
import site
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import psi_client
import psi_core
from psi_client.worker_pipe import Status, read_message, write_message
from psi_core.engines.openmined.orders import MAX_ANSWER_BYTES
from psi_core.errors import EngineFault, WorkerDied

# -P: the folder that the node was started in must not become the child's first place to import from.
OPENMINED_COMMAND = (sys.executable, "-P", "-m", "psi_client.openmined_worker")

_FAULTS = {
    Status.REFUSED: "openmined: the library refused its input: the peer sent a point off the curve",
    Status.MALFORMED: "openmined: the child refused an order as malformed",
    Status.UNAVAILABLE: "openmined: openmined-psi is not installed (x86_64 Linux and arm64 macOS only)",
}
_END_SECONDS = 10.0


class WorkerChild:
    """A running child; asked by one thread at a time, killed by any."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module, nothing from outside)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # Ctrl-C at the node's terminal is the node's to handle
        )
        self._orders = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, order: bytes, seconds: float) -> bytes:
        """Return the child's answer to an order, for which it has `seconds`; then it is killed.

        Raises:
            WorkerDied: the child ended, was killed, or did not keep to the pipe's format.
            EngineFault: the child refused the order.
        """
        watch = threading.Timer(seconds, self.kill)
        watch.daemon = True
        watch.start()
        try:
            write_message(self._orders, order)
            message = read_message(self._answers, 1 + MAX_ANSWER_BYTES)
        except OSError:
            message = None
        finally:
            watch.cancel()
        if not message or message[0] not in Status.__members__.values():
            raise WorkerDied(f"an engine's child process ended before it answered ({self._end_in_words()})")
        if message[0] != Status.OK:
            raise EngineFault(_FAULTS[Status(message[0])])
        return message[1:]

    def kill(self) -> None:
        """End the process at once; it holds nothing worth keeping."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process, wait for it and close its pipes; not while another thread asks."""
        self.kill()
        self._process.wait(_END_SECONDS)
        with contextlib.suppress(OSError):  # an order that was not fully written cannot be flushed any more
            self._orders.close()
        self._answers.close()

    def _end_in_words(self) -> str:
        """End the process and say how it had ended."""
        self.end()
        code = self._process.returncode
        return f"signal {-code}" if code < 0 else f"exit status {code}"


def _environment() -> dict[str, str]:
    """Return the child's whole environment: where our packages lie, unless they are found anyway.

    LD_LIBRARY_PATH goes along because some builds of Python do not start without it.
    """
    roots = {str(Path(package.__path__[0]).resolve().parent) for package in (psi_client, psi_core)}
    environment = {"PYTHONPATH": os.pathsep.join(sorted(roots.difference(site.getsitepackages())))}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
