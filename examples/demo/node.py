"""One lab's node, started and spoken to as a person would: with the commands `psi-node` and `psi`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.demo.failure import DemoError

START_SECONDS = 60.0
STOP_SECONDS = 20.0
BIN = Path(sys.executable).parent


class DemoNode:
    """A node in `folder`: its process, once started, and its commands, whose JSON answers come back parsed."""

    def __init__(self, lab: str, folder: Path, peer_port: int, admin_port: int) -> None:
        self.lab = lab
        self.folder = folder
        self._peer = f"127.0.0.1:{peer_port}"
        self._admin = ("127.0.0.1", admin_port)
        self._process: subprocess.Popen[bytes] | None = None

    def psi(self, *words: str | Path) -> Any:
        """`psi WORDS --profile FOLDER --json`; raises DemoError with what the command said."""
        return _command("psi", [*map(str, words), "--profile", str(self.folder), "--json"])

    def psi_node(self, *words: str | Path) -> Any:
        """`psi-node WORDS --data FOLDER --json`; raises DemoError with what the command said."""
        return _command("psi-node", [*map(str, words), "--data", str(self.folder), "--json"])

    def make(self) -> None:
        """`psi-node init`, on ports of this machine alone."""
        admin = f"{self._admin[0]}:{self._admin[1]}"
        ports = ("--peer-listen", self._peer, "--peer-address", self._peer, "--admin-listen", admin)
        self.psi_node("init", self.lab, *ports)

    def start(self) -> None:
        """`psi-node serve` as a process of its own; returns once it answers.

        Raises DemoError when it ends, or does not answer within a minute.
        """
        with (self.folder / "node.log").open("wb") as journal:
            self._process = subprocess.Popen(
                [BIN / "psi-node", "serve", "--data", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                env=_environment(),
                start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends its nodes in order
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.ended or time.monotonic() > deadline:
                raise DemoError(f"the node of {self.lab} did not start:\n{self.last_words()}")
            time.sleep(0.05)

    @property
    def ended(self) -> bool:
        """Whether the process is gone, or never was."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """End the process in order (SIGTERM), and by force when that takes longer than 20 seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The end of the node's journal."""
        return "\n".join((self.folder / "node.log").read_text(errors="replace").splitlines()[-20:])

    def _answers(self) -> bool:
        """The admin port opens last."""
        try:
            socket.create_connection(self._admin, timeout=1).close()
        except OSError:
            return False
        return True


def _command(program: str, words: Sequence[str]) -> Any:
    done = subprocess.run(
        [BIN / program, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"$ {program} {' '.join(words)}\n{done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def _environment() -> dict[str, str]:
    """This process's variables, without the settings of another node that the person may run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PSI_")}
