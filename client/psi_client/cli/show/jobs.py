"""Jobs: one line each, one in full with its runs, or the result of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, minute, print_line, print_pairs, print_table

SHORT_ID = 8


def print_jobs(console: Console, jobs: Sequence[Mapping[str, Any]]) -> None:
    """Jobs by number, one a line; what is wrong with one below."""
    if not jobs:
        print_line(console, "There are no jobs. psi jobs add LAB makes one.", style="dim")
        return
    rows = [
        (
            str(job["id"]),
            job["peer"],
            job["cron"],
            job["zone"],
            _due(job),
            None if job["last"] is None else minute(job["last"]["started"]),
            _outcome(job["last"]),
            None if job["last"] is None else job["last"]["new"],
        )
        for job in jobs
    ]
    headings = ("job", "peer", "cron", "zone", "next due (UTC)", "last run (UTC)", "outcome", "new")
    print_table(console, headings, rows)
    for job in jobs:
        last = job["last"]
        if last is not None and last["words"]:
            print_line(console, f"{job['id']} {last['words']}", style="dim")


def print_job(console: Console, job: Mapping[str, Any]) -> None:
    """One job with its runs."""
    print_pairs(
        console,
        {
            "job": str(job["id"]),
            "peer": job["peer"],
            "agreement": job["agreement"] or "the one in force",
            "match keys": job["match_keys"] or "every agreed one",
            "learns": f"{job['direction'] or 'everyone who may'}, {job['reveal']}",
            "engine": job["engine"],
            "cron": f"{job['cron']} ({job['zone']})",
            "next due": _due(job),
            "on new": job["on_new"],
            "due times": f"{job['dues']:,}: {job['misfires']:,} missed while the node was down, "
            f"{job['overlaps']:,} while the run before was going on",
        },
    )
    if not job["runs"]:
        print_line(console, "It has not run yet.", style="dim")
        return
    rows = [
        (
            minute(run["started"]),
            "by hand" if run["asked"] else minute(run["due"]),
            _outcome(run),
            run["attempts"],
            run["session_id"] and run["session_id"][:SHORT_ID],
            run["actors"],
            run["new"],
            run["told"],
        )
        for run in job["runs"]
    ]
    headings = ("run (UTC)", "due", "outcome", "sessions", "last session", "actors", "new", "told")
    print_table(console, headings, rows, wrap=("told",))
    for run in job["runs"]:
        if run["words"]:
            print_line(console, f"{minute(run['started'])} {run['words']}", style="dim")


def print_added(console: Console, job: Mapping[str, Any]) -> None:
    """A job that is due from now on."""
    print_line(console, f"job {job['id']} with {job['peer']} is due next at {minute(job['next_due'])} UTC")


def print_paused(console: Console, job: Mapping[str, Any]) -> None:
    """A job that rests."""
    print_line(console, f"job {job['id']} rests; psi jobs resume {job['id']} lets it run again")


def print_removed(console: Console, removed: Mapping[str, Any]) -> None:
    """A job that is gone."""
    print_line(console, f"job {removed['removed']} is removed")


def print_run(console: Console, run: Mapping[str, Any]) -> None:
    """What a run came to, and where to look."""
    if run["actors"] is not None:
        line = f"{counted(run['actors'], 'actor')} matched, {run['new']:,} new since the last run"
    elif run["new"] is not None:
        line = f"{sum(run['matched'].values()):,} matched, {run['new']:,} more than in the last run"
    else:
        line = "the other lab learned; this one does not under this agreement"
    print_line(console, line)
    if run["told"] is not None:
        print_line(console, run["told"])
    for session in run["new_in"]:
        print_line(console, f"psi matches list --session {session[:SHORT_ID]} --new", style="dim")


def _due(job: Mapping[str, Any]) -> str | None:
    if job["paused"] is not None:
        return "paused"
    late = " (late)" if job["late"] else ""
    return f"{minute(job['next_due'])}{late}"


def _outcome(run: Mapping[str, Any] | None) -> str | None:
    """The state, with the code, and how often in a row."""
    if run is None:
        return None
    code = f" ({run['code']})" if run["code"] else ""
    times = f", {run['times']:,} times" if run["times"] > 1 else ""
    return f"{run['state']}{code}{times}"
