"""Options that several audit commands have: which keys and witnesses are trusted, what was kept from earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LogsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="DIR|URL...",
        help="Folders that psi-node log export wrote, or URLs of logs (tlog-tiles, or a node's admin port).",
        show_default=False,
    ),
]
KeysOption = Annotated[
    Path,
    typer.Option(
        "--keys",
        metavar="FILE",
        help="Verifier keys, one a line, taken from the labs' cards. Not from one of the folders.",
        show_default=False,
    ),
]
SinceOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--since",
        metavar="CHECKPOINT",
        help="A checkpoint that you kept from an earlier audit; may be given for each log.",
        show_default=False,
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--witness-policy",
        metavar="FILE",
        help="Whose cosignatures a log needs (c2sp.org/tlog-policy).",
        show_default=False,
    ),
]
BundlesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--bundles",
        metavar="DIR",
        help="What psi-node bundles export wrote; may be given several times. Folders DIR/bundles are read anyway.",
        show_default=False,
    ),
]
ProfilesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--profile",
        metavar="DIR|FILE",
        help="Holds a token of role auditor for a node whose URL is given; may be given several times.",
        show_default=False,
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write the report there too, to be read by people.",
        show_default=False,
    ),
]
