"""`psi import`: hand a file to the node, watch it being read, see what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli.ending import fail
from psi_client.cli.files import write_file
from psi_client.cli.options import JsonOption, ProfileOption, examples
from psi_client.cli.output import answer, console
from psi_client.cli.own_file import FileFormat
from psi_client.cli.reach import node_at
from psi_core.errors import InvalidConfiguration

EXAMPLES = examples(
    "psi import actors.csv",
    "psi import crm.csv --map mail=email --map phone_no=phone --region DE",
    "psi import actors.jsonl --strict --refused refused.csv",
)

FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV with a header, or JSON lines: actor, kind, value, and what is known besides.",
        show_default=False,
    ),
]
FormatOption = Annotated[
    FileFormat | None, typer.Option("--format", help="Left out: by the name's ending.", show_default=False)
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=KIND",
        help="What a column holds: a kind, or a field such as first_seen. Once for each column.",
        show_default=False,
    ),
]
ActorColumnOption = Annotated[
    str | None,
    typer.Option(
        "--actor-column",
        metavar="COLUMN",
        help="The column with the actor's reference. Left out: actor.",
        show_default=False,
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="CC",
        help="Two letters: whose national telephone numbers are meant.",
        show_default=False,
    ),
]
RefusedOption = Annotated[
    Path | None,
    typer.Option(
        "--refused",
        metavar="FILE",
        help="Write the refused rows there as CSV, with the reasons, to be mended and imported again.",
        show_default=False,
    ),
]


def import_file(
    file: FileArgument,
    file_format: FormatOption = None,
    mapping: MapOption = None,
    actor_column: ActorColumnOption = None,
    region: RegionOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Keep nothing if one row is refused.")] = False,
    refused: RefusedOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import indicators. Rows about a known indicator widen it; bad rows are refused, good ones are kept."""
    from psi_client.cli.show.imports import print_import

    form = file_format or FileFormat.of(file)
    with node_at(profile) as node, _progress(file, quiet=as_json) as progress:
        report = node.import_file(
            file,
            file_format=form.value,
            mapping=columns(mapping),
            region=region,
            strict=strict,
            actor_column=actor_column,
            progress=progress,
        )
    if refused is not None:
        from psi_client.cli.refused_rows import refused_rows

        write_file(refused, refused_rows(file, form, report["refusals"]))
        report["refused_file"] = str(refused)
    answer(report, print_import, as_json=as_json)
    if report["state"] == "refused":
        words = (
            f"nothing of {file.name} was kept: {report['refused']:,} rows are refused and --strict was given"
        )
        fail(f"{words}. Mend them, or import without --strict", "refused")
    if report["refused"] and not report["actors"]:
        fail(
            f"nothing of {file.name} was kept: all of its rows are refused. Mend them and import it again",
            "refused",
        )


def columns(pairs: Sequence[str] | None) -> dict[str, str]:
    """`column=kind` pairs; a column's name may hold an equals sign, a kind cannot. Raises InvalidConfiguration."""
    found: dict[str, str] = {}
    for pair in pairs or ():
        column, sign, target = pair.rpartition("=")
        if not sign or not column.strip() or not target.strip():
            raise InvalidConfiguration("--map is written COLUMN=KIND, such as --map mail=email")
        if column in found:
            raise InvalidConfiguration("--map names one column twice: each column has one meaning")
        found[column] = target.strip()
    return found


@contextmanager
def _progress(file: Path, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    if quiet:
        yield lambda _: None
        return
    from psi_client.cli.show.progress import upload_bar

    whole = file.stat().st_size if file.is_file() else 0
    with upload_bar(console(stderr=True), file.name, whole) as moved:
        yield moved
