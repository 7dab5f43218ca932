"""`psi-node log`: a copy for an auditor, or a look at the entries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.files import write_file
from psi_client.cli.options import CONTEXT, JsonOption, examples
from psi_client.cli.output import answer
from psi_service.cli import recovering, renewing
from psi_service.cli.either_way import either_way
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient
    from psi_service.http_api.services import Services
    from psi_service.settings import Settings

app = typer.Typer(
    name="log",
    help="The node's append-only log.",
    context_settings=CONTEXT,
    no_args_is_help=True,
    epilog=examples("psi-node log export export/lab-a", "psi-node log show --limit 5"),
)


@app.callback()
def log(data: DataOption = None, as_json: JsonOption = False) -> None:
    """The node's append-only log."""


@app.command(
    "export",
    epilog=examples(
        "psi-node log export export/lab-a",
        "psi-node log export export/for-lab-b --peer lab-b.example",
        "psi-node log export export/lab-a-1 --past lab-a.example/psi-log",
    ),
)
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)
    ],
    peer: Annotated[
        str | None,
        typer.Option(
            "--peer",
            metavar="LAB",
            help="For this lab's auditor: other entries are written as hashes only.",
            show_default=False,
        ),
    ] = None,
    past: Annotated[
        str | None,
        typer.Option(
            "--past",
            metavar="ORIGIN",
            help="A log of this lab that has ended, by its name.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole log, with a signed checkpoint, for psi audit verify (layout: c2sp.org/tlog-tiles)."""
    from psi_service.cli.show.log import print_export
    from psi_service.log.export import export_log

    if past is not None:
        answer(_past(settings_of(data), past, directory, peer), print_export, as_json=as_json)
        return

    async def locally(services: Services) -> object:
        return await export_log(services.store, services.log, directory, peer=peer)

    made = either_way(settings_of(data), locally, lambda node: node.export_log(directory, peer=peer))
    answer(made, print_export, as_json=as_json)


def _past(settings: Settings, origin: str, directory: Path, peer: str | None) -> dict[str, Any]:
    """Read beside a running node: a log that ended does not change."""
    from psi_service.log.past import export_past
    from psi_service.store.reading import reading

    with reading(settings.data_dir) as db:
        made = export_past(db, origin, directory, peer=peer)
    return {"origin": made.origin, "size": made.size, "files": made.files, "directory": str(made.directory)}


@app.command("proof", epilog=examples("psi-node log proof 17 --out record.tlog-proof"))
def proof(
    position: Annotated[
        int, typer.Argument(metavar="ENTRY", min=0, help="The entry's position.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file.", show_default=False)],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one entry with the proof that it is in this log, to be checked offline: psi audit proof."""
    import base64

    from psi_service.cli.show.log import print_proof
    from psi_service.log.entry_proof import entry_proof

    async def locally(services: Services) -> object:
        return base64.b64encode(await entry_proof(services.store, services.log, position)).decode()

    def remotely(node: NodeClient) -> object:
        return base64.b64encode(node.log_proof(position)).decode()

    content = base64.b64decode(either_way(settings_of(data), locally, remotely))
    write_file(out, content)
    answer({"file": str(out), "position": position, "bytes": len(content)}, print_proof, as_json=as_json)


@app.command("show", epilog=examples("psi-node log show", "psi-node log show --from 0 --limit 5 --json"))
def show(
    start: Annotated[
        int | None,
        typer.Option("--from", min=0, help="First position; left out: the newest.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show entries, the newest or from a position on."""
    from psi_service.cli.entries import read_entries, read_locally, read_remotely
    from psi_service.cli.show.log import print_entries

    settings = settings_of(data)

    async def locally(services: Services) -> object:
        return await read_locally(services.log, start, limit)

    def remotely(node: NodeClient) -> object:
        return read_remotely(settings, node, start, limit)

    found = either_way(settings, locally, remotely)
    answer(read_entries(found), print_entries, as_json=as_json)


app.command("recover", epilog=recovering.EXAMPLES)(recovering.recover)
app.command("rotate", epilog=renewing.ROTATE_EXAMPLES)(renewing.rotate)
app.command("new-start", epilog=renewing.NEW_START_EXAMPLES)(renewing.new_start)
