"""Sessions: one line each, or one in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, minute, print_line, print_pairs, print_table, size

SHORT_ID = 8


def print_sessions(console: Console, sessions: Sequence[Mapping[str, Any]]) -> None:
    """Sessions, newest first, one a line."""
    if not sessions:
        print_line(console, "No session has run yet. psi match LAB starts one.", style="dim")
        return
    rows = [
        (
            session["session_id"][:SHORT_ID],
            minute(session["started"]),
            session["peer"],
            session["role"],
            session["state"],
            session["actors"],
        )
        for session in sessions
    ]
    print_table(console, ("session", "started (UTC)", "peer", "this lab", "state", "actors"), rows)
    for session in sessions:
        words = session["reason"] or goes_on(session)
        if words is not None:
            print_line(console, f"{session['session_id'][:SHORT_ID]} {words}", style="dim")


def print_session(console: Console, session: Mapping[str, Any]) -> None:
    """One session with its lanes."""
    actors = session["actors"]
    print_pairs(
        console,
        {
            "session": session["session_id"],
            "peer": f"{session['peer']}, this lab is the {session['role']}",
            "agreement": session["agreement"],
            "state": session["state"],
            **({"goes on": words} if (words := goes_on(session)) else {}),
            "reason": session["reason"],
            "learns": f"{session['direction']}, {session['reveal']}",
            "started": session["started"],
            "finished": session["finished"],
            "counter": f"{session['counter']} (budget period {session['period']})",
            "actors": None if actors is None else f"{actors:,} ({session['new_actors']:,} new)",
        },
    )
    rows = [
        (lane["match_key"], lane["engine"], lane["own_size"], lane["peer_size"], lane["matched"])
        for lane in session["lanes"]
    ]
    print_table(console, ("match key", "engine", "own size (padded)", "their size (padded)", "matched"), rows)
    for lane in session["lanes"]:
        if lane["run"] is not None:
            print_line(console, f"{lane['match_key']}: {lane['engine']} {lane['run']}", style="dim")
    print_unopened(console, session)


def goes_on(session: Mapping[str, Any]) -> str | None:
    """Until when a suspended session may go on, and how; None for any other."""
    if session["state"] != "suspended":
        return None
    done = f"broke off at {session['done_percent']} %"
    how = "with the next psi match like it" if session["role"] == "initiator" else "when its initiator dials"
    return f"{done}; until {minute(session['resume_until'])} (UTC) it goes on {how}"


def print_unopened(console: Console, session: Mapping[str, Any]) -> None:
    """Labels that did not open: what the peer sent with them is no match, or no label."""
    for lane in session["lanes"]:
        if lane.get("unopened"):
            labels = f"{counted(lane['unopened'], 'label')} of {session['peer']}"
            words = f"{lane['match_key']}: {labels} did not open; what matched by its tag alone is no match"
            print_line(console, words, style="yellow")


def summary(session: Mapping[str, Any]) -> str:
    """The line about a session that has ended: lanes, engine, padded sizes, time, bytes, canaries."""
    lanes = session["lanes"]
    own, theirs = (sum(lane[side] or 0 for lane in lanes) for side in ("own_size", "peer_size"))
    parts = [
        counted(len(lanes), "lane"),
        f"engine {', '.join(sorted({str(lane['engine']) for lane in lanes}))}",
        f"{own:,} x {theirs:,} (padded)",
    ]
    if session["seconds"] is not None:
        parts.append(f"{session['seconds']:.1f} s")
    parts.append(size(session["bytes_sent"] + session["bytes_received"]))
    # A session whose canaries come out wrong ends as a fault.
    parts.append("canaries ok" if session["state"] == "complete" else str(session["state"]))
    return "   ".join(parts)
