"""`psi-node witness`: an independent witness of the consortium's logs. It needs no node, and no node needs it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psi_client.cli.options import CONTEXT, JsonOption, examples
from psi_client.cli.output import answer

if TYPE_CHECKING:
    from psi_service.address import Address
    from psi_service.witness.folder import WitnessFolder

STOP_SECONDS = 5

app = typer.Typer(
    name="witness",
    help="A witness of logs (c2sp.org/tlog-witness): it cosigns that they only grow.",
    context_settings=CONTEXT,
    no_args_is_help=True,
    epilog=examples(
        "psi-node witness init /srv/witness --name witness.example",
        "psi-node witness serve /srv/witness",
    ),
)
FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The witness's own folder.", show_default=False)
]


@app.callback()
def witness() -> None:
    """A witness of logs (c2sp.org/tlog-witness): it cosigns that they only grow."""


@app.command("init", epilog=examples("psi-node witness init /srv/witness --name witness.example"))
def init(
    directory: FolderArgument,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="By which policies know it.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Make a witness; prints its key for policies. Then list the keys of the logs that it watches in DIR/logs."""
    from psi_service.cli.show.witness import print_new_witness
    from psi_service.witness.folder import LOGS_FILE, make

    cosigner = make(directory, name)
    made = {"name": name, "key": str(cosigner.verifier), "logs": str(directory / LOGS_FILE)}
    answer(made, print_new_witness, as_json=as_json)


@app.command(
    "serve",
    epilog=examples(
        "psi-node witness serve /srv/witness",
        "psi-node witness serve /srv/witness --listen 127.0.0.1:7490",
    ),
)
def serve(
    directory: FolderArgument,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where it answers add-checkpoint (HTTP).")
    ] = "127.0.0.1:7490",
    as_json: JsonOption = False,
) -> None:
    """Answer add-checkpoint until SIGTERM or Ctrl-C."""
    from psi_service.address import Address
    from psi_service.cli.show.witness import print_witnessing
    from psi_service.witness.folder import read

    folder = read(directory)

    def started(address: Address) -> None:
        found = {"name": folder.cosigner.name, "address": str(address), "logs": sorted(folder.logs)}
        answer(found, print_witnessing, as_json=as_json)
        sys.stdout.flush()

    asyncio.run(_serve(directory, folder, Address.parse(listen), started))


async def _serve(
    directory: Path, folder: WitnessFolder, listen: Address, started: Callable[[Address], None]
) -> None:
    from psi_service.clock import system_clock
    from psi_service.http_api.server import AdminPort
    from psi_service.store.database import Store
    from psi_service.witness.counter import Counter
    from psi_service.witness.port import build_witness

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with Store.open(directory, system_clock) as store:
        port = AdminPort(listen)
        counter = Counter(store, folder.cosigner, folder.logs, system_clock)
        await port.start(build_witness(counter), None, STOP_SECONDS)
        started(port.address)
        await stopping.wait()
        await port.stop()
