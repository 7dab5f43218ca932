"""README.md is true: its commands exist, all commands are in it, and its two columns work as they stand there."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from examples.demo.folder import free_ports
from psi_client.cli.main import app as psi_app
from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import PsiError
from psi_service.cli.main import app as psi_node_app
from tests.commands import run_psi, run_psi_node

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = {"psi": get_command(psi_app), "psi-node": get_command(psi_node_app)}
LABS = ("lab-a.example", "lab-b.example")


def section(heading: str) -> str:
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def columns() -> list[tuple[str, str]]:
    """The table of `Two labs for real`: what each lab types, row by row, empty where it is the other's turn."""
    rows = re.findall(r"^\| \d+ \|(.*)\|(.*)\|$", section("Two labs for real"), flags=re.MULTILINE)
    return [(left.strip().strip("`"), right.strip().strip("`")) for left, right in rows]


def typed() -> list[str]:
    """Every whole command line in the README."""
    in_blocks = re.findall(r"^    \$ (?:\.venv/bin/)?(psi.*)$", README, flags=re.MULTILINE)
    return in_blocks + [command for row in columns() for command in row if command]


def leaves(name: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name
    for word in inner or ():
        yield from leaves(f"{name} {word}", inner[word])


@pytest.mark.parametrize("line", typed())
def test_a_command_of_the_readme_exists_with_its_options(line: str) -> None:
    program, *words = shlex.split(line)
    command = PROGRAMS[program]
    flags = {flag for parameter in command.params for flag in parameter.opts}
    for word in words:
        if word.startswith("--"):
            assert word in flags
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
            flags |= {flag for parameter in command.params for flag in parameter.opts}
    assert not hasattr(command, "commands") or command.invoke_without_command


def test_every_command_is_in_the_readme() -> None:
    named = set()
    for cell in re.findall(r"^\| (`.*?`) \|", section("Commands"), flags=re.MULTILINE):
        *group, first = re.findall(r"`([^`]+)`", cell)[0].split()
        for name in re.findall(r"`([^`]+)`", cell):
            named.add(name if name.startswith("psi") else " ".join([*group, name]))
        assert first
    assert named == {leaf for program, root in PROGRAMS.items() for leaf in leaves(program, root)}


def test_the_first_run_is_whole() -> None:
    block = [line[4:] for line in section("First run").splitlines() if line.startswith("    ")]
    assert block[0] == "$ make demo"
    steps = [line.split()[0] for line in block if re.match(r"  [a-z]", line)]
    assert steps == ["import", "agreement", "session", "overlap", "audit"]
    found, clear = re.findall(
        r"overlap +([\d,]+) actors, as computed in the clear: ([\d,]+)", "\n".join(block)
    )[0]
    assert found == clear


def test_make_targets_of_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {
        name for line in re.findall(r"^([a-z -]+):", makefile, flags=re.MULTILINE) for name in line.split()
    }
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for words in re.findall(r"(?:`|\$ |^    )make ([a-z -]+)", text, flags=re.MULTILINE):
            assert set(words.split()) <= targets


def test_no_column_has_more_than_ten_commands() -> None:
    assert len(columns()) <= 10
    assert all(any(row) for row in columns())


@dataclass(eq=False)
class Host:
    """One lab's host: a home, a folder to type in, and the addresses that its node would have of its own."""

    lab: str
    folder: Path
    variables: Mapping[str, str]
    served: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def serve(self) -> None:
        command = [sys.executable, "-c", "from psi_service.cli.main import main; main()", "serve"]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'client'}:{ROOT}", **self.variables}
        with (self.folder / "node.log").open("wb") as journal:
            self.served.append(
                subprocess.Popen(command, env=environment, cwd=self.folder, stdout=journal, stderr=journal)
            )
        self.wait()

    def type(self, line: str) -> str:
        """Type a command as it stands in the README, say yes where it asks; returns what it printed."""
        program, *words = shlex.split(line)
        if words == ["serve"]:
            self.serve()
            return ""
        run = run_psi if program == "psi" else run_psi_node
        with contextlib.chdir(self.folder):
            result = run(*words, answer="y\n", **self.variables)
        assert result.exit_code == 0, f"{self.lab}$ {line}\n{result.output}"
        return result.output

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            assert self.served[0].poll() is None, (self.folder / "node.log").read_text()
            assert time.monotonic() < deadline
            try:
                with NodeClient(Profile.load(Path(self.variables["HOME"]) / ".psi")) as client:
                    client.status()
            except PsiError:
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        for process in self.served:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    ports = free_ports(4)
    made = []
    for lab in LABS:
        home = folder / lab
        home.mkdir()
        peer = f"127.0.0.1:{ports.pop()}"
        variables = {
            "HOME": str(home),
            # Both hosts are this one: only the addresses differ from what the README's two labs would have.
            "PSI_PEER_LISTEN": peer,
            "PSI_PEER_ADDRESS": peer,
            "PSI_ADMIN_LISTEN": f"127.0.0.1:{ports.pop()}",
        }
        made.append(Host(lab, home, variables))
    try:
        yield made[0], made[1]
    finally:
        for host in made:
            host.stop()


def test_the_two_columns_work_as_they_stand(tmp_path: Path) -> None:
    with hosts(tmp_path) as (a, b):
        mails = {
            a: "acct-1,email,Ana@Example.com\nacct-2,card,4242 4242 4242 4242\nacct-3,email,x@example.com\n",
            b: "c/7,email,ana@example.com\nc/8,card,4242424242424242\nc/9,email,y@example.com\n",
        }
        for host, rows in mails.items():
            (host.folder / "suspects.csv").write_text(f"actor,kind,value\n{rows}")
        said = ""
        for left, right in columns():
            for host, other, line in ((a, b, left), (b, a, right)):
                said = host.type(line) if line else said
                for card in host.folder.glob(f"{host.lab[:5]}.card"):
                    shutil.copy(card, other.folder)
        assert "c/7" in said
        assert "c/8" in said
        assert "c/9" not in said
