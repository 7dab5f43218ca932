"""How a command ends: its exit code, and what went wrong in one line on standard error.

    0   done
    1   refused or failed: `error: what, where, how to mend it (code <slug>)`
    2   the command line is wrong (Typer says how; with `--json` as a document of code `usage`)

With `--json` an error is also the one document on standard output. A traceback is never shown: an error that
nobody foresaw is named by its type and its place in the code, for a report to the makers.
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from psi_client.cli.options import wants_json
from psi_client.cli.output import print_json
from psi_client.cli.plain import plain
from psi_core.errors import PsiError

FAILED = 1
MAX_WORDS = 2000
_MEMBERS = ("rule", "by", "fault", "kind", "reason")


class Commands(TyperGroup):
    """The outermost group of commands: errors of the tree end here as said above."""

    def make_context(self, info_name: str | None, args: list[str], *given: Any, **extra: Any) -> Any:
        """Read the words before the command's name; raises Typer's errors, which it words."""
        with _usage_told(as_json="--json" in args):
            return super().make_context(info_name, args, *given, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; raises typer.Exit when it fails."""
        try:
            # The words behind its name are read in here: a wrong one is known before `--json` is.
            with _usage_told(as_json=wants_json(ctx) or "--json" in ctx.args):
                return super().invoke(ctx)
        except PsiError as error:
            _end(ctx, error.message, error.code, _members(error))
        except OSError as error:
            # Typer knows what to do about a pipe that nobody reads; without a file's name there is nothing to say.
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            _end(ctx, f"{error.filename}: {error.strerror}", "system", {})


@contextmanager
def _usage_told(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except TyperException as error:
        if as_json:
            print_json({"error": {"code": "usage", "message": str(error)}})
        raise


def run(app: typer.Typer, name: str) -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        app(prog_name=name)
    except Exception as error:  # noqa: BLE001 -- the edge: what nobody foresaw is named, without its values
        _say(f"{name} itself is at fault: {_place(error)}. Please tell its makers", "unexpected")
    sys.exit(FAILED)


def fail(words: str, code: str, *details: str) -> NoReturn:
    """Say what went wrong on standard error, with `details` below it, one a line; end the command with exit code 1.

    For a command that has printed its document already; others raise an error of the tree.
    """
    _say(words, code)
    for line in details:
        typer.echo(plain(line), err=True)
    raise typer.Exit(FAILED)


def _end(ctx: Any, words: str, code: str, members: Mapping[str, str]) -> NoReturn:
    if wants_json(ctx):
        print_json({"error": {"code": code, "message": words, **members}})
    fail(words, code)


def _say(words: str, code: str) -> None:
    typer.echo(f"error: {plain(words, MAX_WORDS)} (code {plain(code)})", err=True)


def _members(error: PsiError) -> dict[str, str]:
    """What an error carries beside its sentence."""
    found = {name: getattr(error, name, "") for name in _MEMBERS}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _place(error: Exception) -> str:
    places = [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-1:]
    ]
    return " at ".join([type(error).__qualname__, *places])
