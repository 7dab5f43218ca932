"""`psi audit`: check exported logs offline, with keys that came another way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli import entry_proof, spot_check
from psi_client.cli.audit_options import (
    BundlesOption,
    HtmlOption,
    KeysOption,
    LogsArgument,
    PolicyOption,
    ProfilesOption,
    SinceOption,
)
from psi_client.cli.ending import fail
from psi_client.cli.files import read_note, write_file
from psi_client.cli.options import CONTEXT, JsonOption, ProfileOption, examples
from psi_client.cli.output import answer
from psi_core.errors import InvalidConfiguration, VerificationError

app = typer.Typer(
    name="audit",
    help="Check exported logs. No node and no profile is needed.",
    context_settings=CONTEXT,
    no_args_is_help=True,
    epilog=examples(
        "psi audit keys lab-a.card lab-b.card > keys.txt",
        "psi audit fetch export/lab-a --profile lab-a-auditor.json",
        "psi audit verify export/lab-a export/lab-b --keys keys.txt",
    ),
)


@app.callback()
def audit() -> None:
    """Check exported logs. No node and no profile is needed."""


@app.command(
    "verify",
    epilog=examples(
        "psi audit verify export/lab-a --keys keys.txt",
        "psi audit verify export/lab-a export/lab-b --keys keys.txt --html report.html",
        "psi audit verify export/lab-a --keys keys.txt --since audits/spring/lab-a/checkpoint",
        "psi audit verify https://lab-a.example/psi-log export/lab-b --keys keys.txt",
    ),
)
def verify(
    logs: LogsArgument,
    keys: KeysOption,
    since: SinceOption = None,
    policy: PolicyOption = None,
    bundles: BundlesOption = None,
    profiles: ProfilesOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every claim about each log and about each two. Fails if one is broken, or cannot be proven but must."""
    from psi_client.audit import Auditor, html_report, read_keys, read_own
    from psi_client.audit.remote import is_url
    from psi_client.cli.audited_logs import folders_of
    from psi_client.cli.show.audit import print_report
    from psi_core.log.witness_policy import WitnessPolicy

    folders = [Path(each) for each in logs if not is_url(each)]
    trusted = read_keys(keys, outside=folders)
    saved = [read_own(each, "saved checkpoint", outside=folders) for each in since or ()]
    needed = None
    if policy is not None:
        needed = WitnessPolicy.parse(read_own(policy, "witness policy", outside=folders))
    for folder in bundles or ():
        if not folder.is_dir():
            raise InvalidConfiguration(f"{folder} is no folder: name one that psi-node bundles export wrote")
    with folders_of(logs, profiles or (), trusted) as given:
        report = Auditor(trusted, since=saved, policy=needed, bundles=bundles or ()).verify(given)
    if html is not None:
        made = datetime.now(UTC).strftime("on %Y-%m-%d at %H:%M UTC")
        write_file(html, html_report(report, made=made, keys=trusted).encode())
    answer(report.model_dump(mode="json"), print_report, as_json=as_json)
    try:
        report.check()
    except VerificationError as error:
        fail(error.message, error.code)


@app.command(
    "fetch",
    epilog=examples(
        "psi audit fetch export/lab-a --profile lab-a-auditor.json",
        "psi audit fetch export/lab-a --url https://lab-a.example/psi-log --keys keys.txt",
    ),
)
def fetch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)],
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="URL", help="A log that is published there; needs --keys.", show_default=False
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="With --url: the log's key is among them, or nothing is fetched.",
            show_default=False,
        ),
    ] = None,
    past: Annotated[
        int | None,
        typer.Option(
            "--past",
            min=1,
            help="The number of a log of the lab that has ended: 1 for its first.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch a log, from a node with a token of role auditor or from a URL. Nothing of it is believed yet: verify it."""
    from psi_client.cli.audited_logs import fetched
    from psi_client.cli.reach import node_at
    from psi_client.cli.show.audit import print_fetched

    if (url is None) != (keys is None):
        raise InvalidConfiguration("--url and --keys are given together: what is fetched has to be signed")
    if url is not None and keys is not None:
        made = fetched(url, folder, keys)
    else:
        with node_at(profile) as node:
            made = node.export_log(folder, past=past)
    found = {"log": made.origin, "folder": str(folder), "size": made.size, "files": made.files}
    answer(found, print_fetched, as_json=as_json)


@app.command("keys", epilog=examples("psi audit keys lab-a.card lab-b.card > keys.txt"))
def keys_of_cards(
    cards: Annotated[
        list[Path],
        typer.Argument(metavar="CARD...", help="Labs' cards, as the labs sent them.", show_default=False),
    ],
    as_json: JsonOption = False,
) -> None:
    """Print the keys of cards for --keys. Compare each card's fingerprint with its lab before you trust it."""
    from psi_client.cli.show.audit import print_keys
    from psi_core.identity.card import Card

    read = [Card.read(read_note(path, "a lab's card").encode()) for path in cards]
    found = [
        {
            "lab": card.lab,
            "fingerprint": card.fingerprint_words(),
            "keys": [card.log_key, card.document_key, card.cosigner_key],
        }
        for card in read
    ]
    answer(found, print_keys, as_json=as_json)


app.command("challenge", epilog=spot_check.CHALLENGE_EXAMPLES)(spot_check.challenge)
app.command("check-openings", epilog=spot_check.CHECK_EXAMPLES)(spot_check.check_openings)
app.command("proof", epilog=entry_proof.EXAMPLES)(entry_proof.proof)
