"""`psi-node`: what an operator does on the node's own host.

Commands that write go through the admin port of the node that holds the store, and open the store themselves
when none does. `serve` is the node.
"""

from __future__ import annotations

from typing import NoReturn

import typer

from psi_client.cli.ending import Commands, run
from psi_client.cli.options import CONTEXT, JsonOption, examples
from psi_service.cli import (
    backup,
    bundles,
    card,
    consortium,
    doctor,
    initialising,
    log,
    openings,
    serving,
    tokens,
    witness,
)
from psi_service.cli.options import DataOption

app = typer.Typer(
    name="psi-node",
    cls=Commands,
    context_settings=CONTEXT,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=examples(
        "psi-node init lab-a.example",
        "psi-node serve",
        "psi-node card > lab-a.card",
        'psi-node consortium create "abuse sharing"',
    ),
)


@app.callback()
def psi_node(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run a lab's node, and look after it on its own host."""


app.command("init", epilog=initialising.EXAMPLES)(initialising.init)
app.command("serve", epilog=serving.EXAMPLES)(serving.serve)
app.command("card", epilog=card.EXAMPLES)(card.card)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("backup", epilog=backup.BACKUP_EXAMPLES)(backup.backup)
app.command("restore", epilog=backup.RESTORE_EXAMPLES)(backup.restore)
app.command("openings", epilog=openings.EXAMPLES)(openings.openings)
app.add_typer(consortium.app)
app.add_typer(log.app)
app.add_typer(bundles.app)
app.add_typer(tokens.app)
app.add_typer(witness.app)


def main() -> NoReturn:
    """The command `psi-node`."""
    run(app, "psi-node")
