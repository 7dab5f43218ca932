"""`psi jobs`: sessions on a timer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psi_client.cli.matching import (
    AgreementOption,
    DirectionOption,
    Engine,
    MatchKeyOption,
    Reveal,
    RevealOption,
)
from psi_client.cli.options import CONTEXT, JsonOption, LabArgument, ProfileOption, YesOption, examples
from psi_client.cli.output import answer, confirmed
from psi_client.cli.reach import node_at
from psi_core.errors import Conflict, Refused, SessionError

app = typer.Typer(
    name="jobs",
    help="Sessions on a timer.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples(
        "psi jobs",
        'psi jobs add lab-b.example --cron "0 3 * * *" --zone Europe/Berlin',
        "psi jobs show 3",
    ),
)

NumberArgument = Annotated[
    int,
    typer.Argument(metavar="JOB", min=1, help="Its number, as `psi jobs list` shows.", show_default=False),
]
CronOption = Annotated[
    str,
    typer.Option(
        "--cron",
        metavar="EXPRESSION",
        help="Minute, hour, day of month, month, day of week (0 and 7 are Sunday), or @hourly, @daily ...",
        show_default=False,
    ),
]
ZoneOption = Annotated[
    str, typer.Option("--zone", metavar="ZONE", help="The IANA time zone that --cron is in.")
]
EngineOption = Annotated[
    Engine | None,
    typer.Option("--engine", help="The protocol to run; left out: as `psi match`.", show_default=False),
]
OnNewOption = Annotated[
    str | None,
    typer.Option(
        "--on-new",
        metavar="COMMAND",
        help="Run this on the node's host when something is new; no shell reads it, counts are in PSI_JOB_NEW "
        "and other PSI_JOB_* variables.",
        show_default=False,
    ),
]
OnNewUrlOption = Annotated[
    str | None,
    typer.Option(
        "--on-new-url",
        metavar="URL",
        help="POST counts there, as JSON, when something is new: https, or http on loopback.",
        show_default=False,
    ),
]


@app.callback()
def jobs(ctx: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Sessions on a timer: when each is due, and how it ended last."""
    if ctx.invoked_subcommand is None:
        _list(profile, as_json)


@app.command("list", epilog=examples("psi jobs list", "psi jobs list --json"))
def list_jobs(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Every job: when it is due next, and how it ended last."""
    _list(profile, as_json)


@app.command("show", epilog=examples("psi jobs show 3", "psi jobs show 3 --json"))
def show_job(job: NumberArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """One job with its newest runs. Runs in a row that ended badly in the same way are one line."""
    from psi_client.cli.show.jobs import print_job

    with node_at(profile) as node:
        found = node.job(job)
    answer(found, print_job, as_json=as_json)


@app.command(
    "add",
    epilog=examples(
        'psi jobs add lab-b.example --cron "0 3 * * *" --zone Europe/Berlin',
        'psi jobs add lab-b.example --cron "*/30 8-18 * * mon-fri" --match-key email --direction initiator',
        'psi jobs add lab-b.example --cron @daily --on-new "/usr/local/bin/notify --room abuse"',
        "psi jobs add lab-b.example --cron @hourly --on-new-url https://hooks.lab-a.example/psi",
    ),
)
def add_job(
    lab: LabArgument,
    cron: CronOption,
    zone: ZoneOption = "UTC",
    agreement: AgreementOption = None,
    direction: DirectionOption = None,
    reveal: RevealOption = Reveal.ITEMS,
    match_key: MatchKeyOption = None,
    engine: EngineOption = None,
    on_new: OnNewOption = None,
    on_new_url: OnNewUrlOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Match with a lab at the times of a cron expression."""
    from psi_client.cli.show.jobs import print_added

    with node_at(profile) as node:
        made = node.add_job(
            lab,
            cron,
            zone=zone,
            agreement=agreement,
            direction=direction.value if direction else None,
            reveal=reveal.value,
            match_keys=match_key,
            engine=engine.value if engine else None,
            on_new=on_new,
            on_new_url=on_new_url,
        )
    answer(made, print_added, as_json=as_json)


@app.command("run", epilog=examples("psi jobs run 3", "psi jobs run 3 --json"))
def run_job(job: NumberArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Run a job now and wait for the result. Its schedule stays as it is."""
    from psi_client.cli.show.jobs import print_run

    with node_at(profile) as node:
        begun = node.run_job(job)["id"]
        found = node.wait_for_job(job)
        while (run := _run_of(found, begun))["state"] == "running" and found["running"]:
            found = node.wait_for_job(job)
    _check_done(job, run)
    answer(run, print_run, as_json=as_json)


@app.command("pause", epilog=examples("psi jobs pause 3"))
def pause_job(job: NumberArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Let a job rest until it is resumed."""
    from psi_client.cli.show.jobs import print_paused

    with node_at(profile) as node:
        found = node.pause_job(job)
    answer(found, print_paused, as_json=as_json)


@app.command("resume", epilog=examples("psi jobs resume 3"))
def resume_job(job: NumberArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Let a paused job be due again; what came meanwhile is not made up for."""
    from psi_client.cli.show.jobs import print_added

    with node_at(profile) as node:
        found = node.resume_job(job)
    answer(found, print_added, as_json=as_json)


@app.command("remove", epilog=examples("psi jobs remove 3", "psi jobs remove 3 --yes"))
def remove_job(
    job: NumberArgument, yes: YesOption = False, profile: ProfileOption = None, as_json: JsonOption = False
) -> None:
    """Forget a job and its runs. What its sessions matched stays."""
    from psi_client.cli.show.jobs import print_removed

    with node_at(profile) as node:
        found = node.job(job)
        question = f"Remove job {job}, sessions with {found['peer']} at {found['cron']}?"
        if not confirmed(question, yes=yes, as_json=as_json):
            raise Conflict(f"job {job} was not removed: you did not confirm it")
        node.remove_job(job)
    answer({"removed": job}, print_removed, as_json=as_json)


def _list(profile: Path | None, as_json: bool) -> None:
    from psi_client.cli.show.jobs import print_jobs

    with node_at(profile) as node:
        found = node.jobs()
    answer(found, print_jobs, as_json=as_json)


def _run_of(job: dict[str, Any], number: int) -> dict[str, Any]:
    """The run of this number; the newest one, should it be gone already."""
    runs: list[dict[str, Any]] = job["runs"]
    return next((run for run in runs if run["id"] == number), runs[0])


def _check_done(job: int, run: dict[str, Any]) -> None:
    """Raise what a run ended with, unless it is done."""
    words = run["words"] or "no reason is known"
    if run["state"] == "refused":
        raise Refused(run["code"], words)
    if run["state"] != "done":
        raise SessionError(f"job {job} {run['state']}: {words}")
