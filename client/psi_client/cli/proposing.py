"""`psi agreements propose`: write the terms, sign them, send them to the other lab."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli.handing import OutOption, handed
from psi_client.cli.options import JsonOption, LabArgument, ProfileOption, examples
from psi_client.cli.output import console
from psi_client.cli.reach import node_at
from psi_core.errors import InvalidConfiguration
from psi_core.kinds.labels import FIELDS

EXAMPLES = examples(
    'psi agreements propose lab-b.example --title "abuse sharing 2026" --match-key email --match-key iban',
    "psi agreements propose lab-b.example --title trial --match-key email --labels severity,campaign,first_seen",
    "psi agreements propose lab-b.example --terms terms.toml",
    "psi agreements propose lab-b.example --title trial --match-key email:50000:100000 --out proposal.note",
)


class Reveal(StrEnum):
    """What a session may reveal."""

    ITEMS = "items"
    COUNT = "count"


TermsOption = Annotated[
    Path | None,
    typer.Option(
        "--terms",
        metavar="FILE",
        help="Terms as TOML or JSON, named as the options are (with _); options win.",
        show_default=False,
    ),
]
TitleOption = Annotated[
    str | None, typer.Option("--title", help="What people call the agreement.", show_default=False)
]
MatchKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match-key",
        metavar="NAME[:SIZE[:BUDGET]]",
        help="What may be matched, most evaluations in one session, most in one period. Once for each.",
        show_default=False,
    ),
]
LearnsOption = Annotated[
    list[str] | None,
    typer.Option("--learns", metavar="LAB", help="Who may learn; left out: both.", show_default=False),
]
RevealOption = Annotated[
    list[Reveal] | None,
    typer.Option("--reveal", help="Which items matched, or how many; left out: items.", show_default=False),
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        metavar="NAME[:VARIANT]",
        help="Left out: oprf, vole (large sets) and openmined (no native core).",
        show_default=False,
    ),
]
LabelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        metavar="[LAB:]FIELD,...",
        help=f"What a lab says of its items that match: {', '.join(FIELDS)}. Without LAB: both. Left out: nothing.",
        show_default=False,
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--valid-from", metavar="TIME", help="Left out: today, 00:00 UTC.", show_default=False),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--valid-until", metavar="TIME", help="Left out: 365 days later.", show_default=False),
]
StartOption = Annotated[
    str | None,
    typer.Option("--period-start", metavar="TIME", help="Where budget periods begin.", show_default=False),
]
PeriodOption = Annotated[
    int | None,
    typer.Option("--period-seconds", min=1, help="Length of a budget period; a day.", show_default=False),
]
IntervalOption = Annotated[
    int | None,
    typer.Option(
        "--minimum-interval-seconds", min=0, help="Least time between two sessions; 60.", show_default=False
    ),
]
PaddingOption = Annotated[
    int | None,
    typer.Option(
        "--padding-bucket", min=1, help="Sizes are shown in multiples of this; 1024.", show_default=False
    ),
]
LateOption = Annotated[
    int | None,
    typer.Option(
        "--late-abort-limit", min=0, help="Sessions broken off late that are borne; 3.", show_default=False
    ),
]

BundleOption = Annotated[
    int | None,
    typer.Option(
        "--bundle-days",
        min=0,
        help="Days for which oprf's answers are kept for an auditor; 30. 0: not at all.",
        show_default=False,
    ),
]


def propose(
    lab: LabArgument,
    title: TitleOption = None,
    match_key: MatchKeyOption = None,
    terms: TermsOption = None,
    learns: LearnsOption = None,
    reveal: RevealOption = None,
    engine: EngineOption = None,
    labels: LabelsOption = None,
    valid_from: FromOption = None,
    valid_until: UntilOption = None,
    period_start: StartOption = None,
    period_seconds: PeriodOption = None,
    minimum_interval_seconds: IntervalOption = None,
    padding_bucket: PaddingOption = None,
    late_abort_limit: LateOption = None,
    bundle_days: BundleOption = None,
    out: OutOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose terms to a pinned lab, signed by this one. Times are written 2026-12-01T00:00:00Z."""
    from psi_client.cli import terms as reading

    given: dict[str, object] = {
        "lab": lab,
        "title": title,
        "learns": learns,
        "reveal": [each.value for each in reveal or ()],
        "valid_from": valid_from,
        "valid_until": valid_until,
        "period_start": period_start,
        "period_seconds": period_seconds,
        "minimum_interval_seconds": minimum_interval_seconds,
        "padding_bucket": padding_bucket,
        "late_abort_limit": late_abort_limit,
        "bundle_days": bundle_days,
    }
    listed = {
        "match_keys": reading.match_keys(match_key),
        "engines": reading.engines(engine),
        "labels": reading.labels(labels),
    }
    _propose({**given, **listed}, terms, out, profile, as_json)


def _propose(
    given: dict[str, object],
    file: Path | None,
    out: Path | None,
    profile: Path | None,
    as_json: bool,
) -> None:
    from psi_client.cli import terms as reading
    from psi_client.cli.show.agreements import print_words

    terms = reading.with_options({} if file is None else reading.read_terms(file), given)
    missing = [
        f"--{name.replace('_', '-').removesuffix('s')}"
        for name in ("title", "match_keys")
        if name not in terms
    ]
    if missing:
        raise InvalidConfiguration(
            f"an agreement needs {' and '.join(missing)}, or a file of --terms with them"
        )
    with node_at(profile) as node:
        found = node.propose_agreement(terms, send=out is None)
        words = "" if as_json else node.agreement_in_words(found["hash"])
    if not as_json:
        print_words(console(), {**found, "words": words})
    handed(found, out, as_json=as_json)
