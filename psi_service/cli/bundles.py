"""`psi-node bundles`: the proven answers of engine `oprf`, for an auditor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.options import CONTEXT, JsonOption, examples
from psi_client.cli.output import answer
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_service.bundles.exporting import KeptBundle

app = typer.Typer(
    name="bundles",
    help="The answers of engine oprf with their proofs, kept sealed for an auditor.",
    context_settings=CONTEXT,
    no_args_is_help=True,
    epilog=examples("psi-node bundles list", "psi-node bundles export export/lab-a/bundles"),
)
PeerOption = Annotated[
    str | None, typer.Option("--peer", metavar="LAB", help="Of sessions with this lab.", show_default=False)
]


@app.callback()
def bundles(data: DataOption = None, as_json: JsonOption = False) -> None:
    """The answers of engine oprf with their proofs, kept sealed for an auditor."""


@app.command(
    "list", epilog=examples("psi-node bundles list", "psi-node bundles list --peer lab-b.example --json")
)
def list_(peer: PeerOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List what is kept, and until when."""
    from psi_service.bundles.exporting import kept
    from psi_service.cli.show.bundles import print_bundles

    answer(
        [_of(each) for each in kept(settings_of(data).data_dir, peer=peer)], print_bundles, as_json=as_json
    )


@app.command(
    "export",
    epilog=examples(
        "psi-node bundles export export/lab-a/bundles",
        "psi-node bundles export for-the-auditor --session 5f0c2a0de9e04a5b8f8c1f2f3f4b5a69",
    ),
)
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder, made when missing.", show_default=False)
    ],
    session: Annotated[
        list[str] | None,
        typer.Option("--session", metavar="ID", help="Of this session; once for each.", show_default=False),
    ] = None,
    peer: PeerOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write bundles in the clear for psi audit verify: blinded elements, answers, proofs; nothing of any item."""
    from psi_service.bundles import exporting
    from psi_service.cli.show.bundles import print_exported
    from psi_service.identity.key_files import read_keys

    settings = settings_of(data)
    found = exporting.kept(settings.data_dir, peer=peer, sessions=session or ())
    data_key = read_keys(settings.keys_dir, settings.lab).data_key
    size = exporting.export(settings.data_dir, data_key, found, directory)
    made = {"directory": str(directory), "bytes": size, "bundles": [_of(each) for each in found]}
    answer(made, print_exported, as_json=as_json)


def _of(bundle: KeptBundle) -> dict[str, Any]:
    return {**bundle.model_dump(exclude={"file"}), "file": bundle.header.file_name}
