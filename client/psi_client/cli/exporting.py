"""`psi matches export`: matches as CSV, with the values that matched if the lab brings its own file."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.files import write_file
from psi_client.cli.importing import ActorColumnOption, FormatOption, MapOption, RegionOption, columns
from psi_client.cli.matches import SessionOption, Status, StatusOption
from psi_client.cli.options import JsonOption, PeerOption, ProfileOption, examples
from psi_client.cli.output import print_json
from psi_client.cli.own_file import FileFormat
from psi_client.cli.plain import plain
from psi_client.cli.reach import node_at
from psi_client.cli.spreadsheet import harmless
from psi_core.kinds.labels import FIELDS

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient

EXAMPLES = examples(
    "psi matches export > matches.csv",
    "psi matches export --values actors.csv --out leads.csv",
    "psi matches export --values crm.csv --map mail=email --peer lab-b.example --json",
)
BATCH_BYTES = 4 << 20
"""Own rows go to the node in requests of about this size."""

PEER_COLUMNS = tuple(f"peer_{name}" for name in FIELDS)
"""What the lab in the column `peer` says."""
ROW_COLUMNS = (
    "actor",
    "peer",
    "matched",
    "of",
    "strength",
    "why",
    "first_seen",
    "last_seen",
    "tlp",
    "status",
    "new",
    *PEER_COLUMNS,
)
VALUE_COLUMNS = (
    "actor",
    "peer",
    "kind",
    "value",
    "match_keys",
    "strength",
    "first_seen",
    "last_seen",
    "tlp",
    "status",
    *PEER_COLUMNS,
)

ValuesOption = Annotated[
    Path | None,
    typer.Option(
        "--values",
        metavar="FILE",
        help="Your own file, as it was imported: the values in it that matched are exported. None is stored.",
        show_default=False,
    ),
]
TargetOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write there, for your eyes only.", show_default=False),
]


def export(
    peer: PeerOption = None,
    session: SessionOption = None,
    status: StatusOption = None,
    values: ValuesOption = None,
    file_format: FormatOption = None,
    mapping: MapOption = None,
    actor_column: ActorColumnOption = None,
    region: RegionOption = None,
    out: TargetOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export matches as CSV. The log notes who took them. With --values: one row for each value that matched.

    A cell that a spreadsheet would run as a formula begins with a single quote; --json has it as it is.
    """
    from psi_client.cli.sessions import session_id

    with node_at(profile) as node:
        rows = node.export_matches(
            peer=peer,
            session=session_id(node, session) if session else None,
            status=status.value if status else None,
        )
        found: dict[str, Any] = {"matches": rows}
        if values is not None:
            own = _own_rows(values, file_format, columns(mapping), actor_column, rows)
            wanted = {
                "peer": peer,
                "region": region,
                "include_false_positives": status is Status.FALSE_POSITIVE,
            }
            found |= _matched(node, own, rows, wanted)
    if as_json:
        _write(json.dumps(found, indent=2) + "\n", out) if out else print_json(found)
    elif values is None:
        _write(_csv(ROW_COLUMNS, rows, shown=out is None), out)
    else:
        _write(_csv(VALUE_COLUMNS, found["values"], shown=out is None), out)
        if found["unread"]:
            typer.echo(
                f"{found['unread']:,} rows of {plain(values)} could not be read as their kind", err=True
            )


def _own_rows(
    file: Path,
    file_format: FileFormat | None,
    mapping: Mapping[str, str],
    actor_column: str | None,
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, str]]:
    from psi_client.cli.own_values import own_rows

    actors = frozenset(str(row["actor"]) for row in rows)
    return own_rows(file, file_format or FileFormat.of(file), mapping, actor_column, actors)


def _matched(
    node: NodeClient,
    own: Iterator[dict[str, str]],
    rows: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, Any],
) -> dict[str, Any]:
    """The values that matched, each with what its actor's row says besides, and how many could not be read."""
    about = {(row["actor"], row["peer"]): row for row in rows}
    values: list[dict[str, Any]] = []
    unread = 0
    for batch in _batches(own):
        answer = node.match_values(batch, **wanted)
        unread += answer["unread"]
        for value in answer["values"]:
            row = about.get((value["actor"], value["peer"]))
            if row is not None:
                values.append({**{name: row[name] for name in VALUE_COLUMNS if name in row}, **value})
    return {"values": values, "unread": unread}


def _batches(own: Iterator[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    batch: list[dict[str, str]] = []
    weight = 0
    for row in own:
        batch.append(row)
        weight += sum(map(len, row.values())) + 40
        if weight >= BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]], *, shown: bool) -> str:
    """A header and the rows, every cell in quotes and none a formula. On a terminal every cell is made plain too."""
    found = io.StringIO()
    writer = csv.writer(found, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    tidy = plain if shown and sys.stdout.isatty() else str
    for row in rows:
        # An older node has no column for what its peers say.
        cells = (row.get(name, "") for name in names)
        texts = ("; ".join(cell) if isinstance(cell, list) else str(cell) for cell in cells)
        writer.writerow(tidy(harmless(text)) for text in texts)
    return found.getvalue()


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    write_file(out, text.encode("utf-8", "surrogateescape"))
    typer.echo(f"written to {plain(out)}", err=True)
