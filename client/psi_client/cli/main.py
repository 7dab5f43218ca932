"""`psi`: what analysts and operators ask of their lab's node, and what auditors ask of exported logs.

Everything goes over the node's admin port, with the profile that `psi-node init` writes; `psi audit` needs no
node. Modules of commands fetch, modules in show/ write; libraries that a command needs are imported by it.
"""

from __future__ import annotations

from typing import NoReturn

import typer

from psi_client.cli import (
    actors,
    agreements,
    audit,
    exporting,
    importing,
    jobs,
    matches,
    matching,
    peers,
    proposing,
    sessions,
    status,
)
from psi_client.cli.ending import Commands, run
from psi_client.cli.options import CONTEXT, JsonOption, ProfileOption, examples

app = typer.Typer(
    name="psi",
    cls=Commands,
    context_settings=CONTEXT,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=examples(
        "psi status",
        "psi import actors.csv",
        "psi match lab-b.example",
        "psi matches --profile demo/lab-a",
    ),
)


@app.callback()
def psi(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Find out which of your own suspicious actors another lab also suspects."""


app.command("status", epilog=status.EXAMPLES)(status.show)
app.command("import", epilog=importing.EXAMPLES)(importing.import_file)
app.add_typer(actors.app)
app.add_typer(peers.app)
app.add_typer(agreements.app)
agreements.app.command("propose", epilog=proposing.EXAMPLES)(proposing.propose)
app.command("match", epilog=matching.EXAMPLES)(matching.match)
app.add_typer(matches.app)
matches.app.command("export", epilog=exporting.EXAMPLES)(exporting.export)
app.add_typer(sessions.app)
app.add_typer(jobs.app)
app.add_typer(audit.app)


def main() -> NoReturn:
    """The command `psi`."""
    run(app, "psi")
