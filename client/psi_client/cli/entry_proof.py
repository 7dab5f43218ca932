"""`psi audit proof`: one entry of a log, checked by its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli.audit_options import KeysOption, PolicyOption
from psi_client.cli.files import read_file
from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import answer

EXAMPLES = examples(
    "psi audit proof record.tlog-proof --keys keys.txt",
    "psi audit proof record.tlog-proof --keys keys.txt --witness-policy policy.txt --json",
)


def proof(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What psi-node log proof wrote.", show_default=False)
    ],
    keys: KeysOption,
    entry: Annotated[
        Path | None,
        typer.Option(
            "--entry",
            metavar="FILE",
            help="The entry's exact bytes; left out: those in the proof file.",
            show_default=False,
        ),
    ] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check offline that one entry is in a lab's signed log (c2sp.org/tlog-proof), and show it."""
    from psi_client.audit import read_keys, read_own
    from psi_client.audit.entry_proof import MAX_PROOF_FILE, check_proof
    from psi_client.cli.show.audit import print_proven
    from psi_core.log.entry import MAX_ENTRY
    from psi_core.log.witness_policy import WitnessPolicy

    needed = None if policy is None else WitnessPolicy.parse(read_own(policy, "witness policy", outside=[]))
    found = check_proof(
        read_file(file, "a proof", MAX_PROOF_FILE),
        read_keys(keys, outside=[]),
        entry=None if entry is None else read_file(entry, "an entry", MAX_ENTRY),
        policy=needed,
    )
    shown = {
        "log": found.log,
        "position": found.position,
        "size": found.size,
        "cosigners": list(found.cosigners),
        "kind": str(found.entry.kind),
        "time": found.entry.time,
        "peer": found.entry.peer,
        "body": found.entry.body,
    }
    answer(shown, print_proven, as_json=as_json)
