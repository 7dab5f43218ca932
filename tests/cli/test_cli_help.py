"""Every command explains itself, and what its help shows can be typed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from psi_client.cli.main import app as psi_app
from psi_service.cli.main import app as psi_node_app
from tests.commands import run_psi, run_psi_node

ROOTS = {"psi": get_command(psi_app), "psi-node": get_command(psi_node_app)}
OFFLINE = ("psi audit", "psi-node witness")


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands(f"{name} {word}", inner)


ALL = [pair for name, root in ROOTS.items() for pair in commands(name, root)]
LEAVES = [(name, command) for name, command in ALL if not hasattr(command, "commands")]


def examples(command: Any) -> list[str]:
    head, *rest = (command.epilog or "").splitlines()
    assert head == "Examples:"
    assert all(line.startswith("$ ") for line in rest)
    return [line.removeprefix("$ ") for line in rest]


def flags(command: Any) -> set[str]:
    return {flag for parameter in command.params for flag in parameter.opts}


def parse(words: list[str]) -> str:
    """Read a command line down to its command without running it; returns the command's whole name."""
    name, *rest = words
    command, context = ROOTS[name], None
    while True:
        context = command.make_context(words[0] if context is None else name, rest, parent=context)
        if not hasattr(command, "commands") or not (context._protected_args or context.args):
            return str(context.command_path)
        left = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, left)


def test_the_two_programs_have_the_commands_that_they_should() -> None:
    assert set(ROOTS["psi"].commands) >= {
        *("status", "import", "actors", "peers", "agreements", "match", "matches", "sessions", "audit"),
    }
    assert set(ROOTS["psi-node"].commands) >= {"init", "serve", "card", "consortium", "log", "token"}


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_help_shows_an_example_that_is_of_this_command_and_parses(name: str, command: Any) -> None:
    program, *words = name.split()
    run = run_psi if program == "psi" else run_psi_node
    result = run(*words, "--help")
    assert result.exit_code == 0, result.output
    assert "Examples:" in result.stdout
    found = examples(command)
    assert found
    for example in found:
        assert example.startswith(name), example
        parse(shlex.split(example.partition(" > ")[0].partition(" 2>> ")[0]))


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=[name for name, _ in LEAVES])
def test_every_command_answers_in_json_and_can_be_told_which_node(name: str, command: Any) -> None:
    assert "--json" in flags(command)
    if not name.startswith(OFFLINE):
        assert ("--profile" if name.startswith("psi ") else "--data") in flags(command)
    assert command.help


def test_parsing_examples_would_find_a_wrong_one() -> None:
    for wrong in (
        "psi match lab-b.example --mach-key email",
        "psi peers tset lab-b.example",
        "psi peers show",
    ):
        with pytest.raises(Exception, match=r"No such|Missing"):
            parse(shlex.split(wrong))


@pytest.mark.parametrize(("module", "program"), [("psi_client", "psi"), ("psi_service", "psi-node")])
def test_help_loads_no_library_that_only_commands_need(module: str, program: str) -> None:
    heavy = (
        "grpc",
        "httpx2",
        "fastapi",
        "uvicorn",
        "sqlite_utils",
        "cryptography",
        "Crypto",
        "psi_service.node.app",
    )
    code = (
        f"import sys; from {module}.cli.main import app\n"
        f"try: app(['--help'], prog_name={program!r})\n"
        f"except SystemExit: print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert f"Usage: {program}" in done.stdout
