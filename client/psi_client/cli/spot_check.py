"""`psi audit challenge` and `psi audit check-openings`: look at a few leaves of a set that a lab committed to."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli.files import read_file, write_file
from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import answer

CHALLENGE_EXAMPLES = examples(
    "psi audit challenge export/lab-a --snapshot 17 --keys keys.txt --out challenge.txt",
    "psi audit challenge export/lab-a --snapshot 17 --keys keys.txt --count 64 --out challenge.txt",
)
CHECK_EXAMPLES = examples("psi audit check-openings challenge.txt openings.json export/lab-a --keys keys.txt")

ExportArgument = Annotated[
    Path, typer.Argument(metavar="EXPORT", help="What psi-node log export wrote.", show_default=False)
]
SnapshotOption = Annotated[
    int,
    typer.Option(
        "--snapshot", min=0, metavar="ENTRY", help="Position of the snapshot entry.", show_default=False
    ),
]
KeysOption = Annotated[
    Path,
    typer.Option(
        "--keys",
        metavar="FILE",
        help="Verifier keys of the lab and of a witness, one a line. Not from the export.",
        show_default=False,
    ),
]


def challenge(
    export: ExportArgument,
    snapshot: SnapshotOption,
    keys: KeysOption,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Write the challenge there.", show_default=False)
    ],
    nonce: Annotated[
        str | None,
        typer.Option(
            "--nonce", metavar="HEX", help="Your own 64 hexadecimal digits. Else drawn.", show_default=False
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=128, help="How many leaves to draw.")] = 32,
    as_json: JsonOption = False,
) -> None:
    """Draw leaves of a committed set by a cosigned checkpoint and your own nonce. Keep the file: you check with it."""
    from psi_client.audit import read_keys
    from psi_client.audit.folder import LogFolder
    from psi_client.audit.spot_check import make_challenge
    from psi_client.cli.show.spot_check import print_challenge

    trusted = read_keys(keys, outside=[export])
    own = secrets.token_hex(32) if nonce is None else nonce
    made = make_challenge(LogFolder(export), trusted, entry=snapshot, nonce=own, count=count)
    write_file(out, made.text().encode())
    found = {
        "file": str(out),
        "lab": made.lab,
        "entry": made.entry,
        "match_key": made.match_key,
        "leaves": made.leaves,
        "nonce": made.nonce,
        "positions": list(made.positions()),
    }
    answer(found, print_challenge, as_json=as_json)


def check_openings(
    challenge: Annotated[
        Path, typer.Argument(metavar="CHALLENGE", help="The challenge that you kept.", show_default=False)
    ],
    openings: Annotated[
        Path, typer.Argument(metavar="OPENINGS", help="What psi-node openings wrote.", show_default=False)
    ],
    export: ExportArgument,
    keys: KeysOption,
    as_json: JsonOption = False,
) -> None:
    """Check a lab's answer: the draw, the commitment before its session, every path, what was shown, the signature."""
    from psi_client.audit import read_keys, read_own
    from psi_client.audit import spot_check as check
    from psi_client.audit.folder import LogFolder
    from psi_client.cli.show.spot_check import print_check
    from psi_core.session.challenge import Challenge
    from psi_core.session.openings import MAX_OPENINGS, Openings

    trusted = read_keys(keys, outside=[export])
    asked = Challenge.read(read_own(challenge, "challenge", outside=[export]))
    given = Openings.parse(read_file(openings, "openings", MAX_OPENINGS))
    found = check.check_openings(asked, given, LogFolder(export), trusted)
    answer(found.model_dump(mode="json"), print_check, as_json=as_json)
