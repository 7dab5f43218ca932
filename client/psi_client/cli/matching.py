"""`psi match LAB`: start a session, watch it, show the own actors that the other lab suspects too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.options import JsonOption, LabArgument, ProfileOption, examples
from psi_client.cli.output import answer, console
from psi_client.cli.reach import node_at
from psi_core.errors import Refused, SessionAborted, SessionError

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient

EXAMPLES = examples(
    "psi match lab-b.example",
    "psi match lab-b.example --match-key email --match-key iban --direction initiator",
    "psi match lab-b.example --agreement 7f3a --reveal count",
)
MENDED_BY_REFUSAL = {
    "counter": "{lab} had not seen an earlier offer: both logs say so now, and a new session is started",
    "epoch": "a key of engine oprf had served what it may: a new session is started, and begins the next epoch",
}
"""Refusals, by rule, that leave both labs ready for the next session, which is started once without asking."""
LOOK_SECONDS = 1.0
"""How old the figures beside the bar may be."""

_REFUSAL = re.compile(r"refused by (?P<by>[a-z0-9.-]{3,253}): (?P<words>.*)", re.DOTALL)
_RULE = re.compile(r"\((?:agreement [0-9a-f]{4,64}, )?rule (?P<rule>[a-z_]{1,60})\)")


class Engine(StrEnum):
    """The protocol; of those that the agreement lists."""

    AUTO = "auto"
    OPENMINED = "openmined"
    OPRF = "oprf"
    VOLE = "vole"


class Direction(StrEnum):
    """Who learns: the initiator is this lab, which dials."""

    BOTH = "both"
    INITIATOR = "initiator"
    RESPONDER = "responder"


class Reveal(StrEnum):
    """What is learnt."""

    ITEMS = "items"
    COUNT = "count"


AgreementOption = Annotated[
    str | None,
    typer.Option(
        "--agreement",
        metavar="HASH",
        help="The beginning of its hash; left out: the only one in force with that lab.",
        show_default=False,
    ),
]
DirectionOption = Annotated[
    Direction | None,
    typer.Option("--direction", help="Who learns; left out: everyone who may.", show_default=False),
]
RevealOption = Annotated[Reveal, typer.Option("--reveal", help="Which items matched, or how many.")]
MatchKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match-key", metavar="NAME", help="Once for each; left out: every agreed one.", show_default=False
    ),
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="The protocol to run; auto: chosen for each lane.")
]


def match(
    lab: LabArgument,
    agreement: AgreementOption = None,
    direction: DirectionOption = None,
    reveal: RevealOption = Reveal.ITEMS,
    match_key: MatchKeyOption = None,
    engine: EngineOption = Engine.AUTO,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which of your own actors another lab suspects too, under an agreement in force."""
    from psi_client.cli.show.matches import print_match

    wishes = {
        "agreement": agreement,
        "direction": direction.value if direction else None,
        "reveal": reveal.value,
        "match_keys": match_key,
        "engine": engine.value,
    }
    with node_at(profile) as node:
        session = _run(node, lab, wishes, quiet=as_json)
        mended = MENDED_BY_REFUSAL.get(_rule(session))
        if mended:
            typer.echo(mended.format(lab=lab), err=True)
            session = _run(node, lab, wishes, quiet=as_json)
        check_complete(session)
        learned = session["reveal"] == "items" and any(
            lane["matched"] is not None for lane in session["lanes"]
        )
        rows = node.matches(session=session["session_id"]) if learned else None
    answer({"session": session, "matches": rows}, print_match, as_json=as_json)


def check_complete(session: Mapping[str, Any]) -> None:
    """Raise what a session ended with, unless its record has both signatures."""
    state, reason = session["state"], session["reason"] or "no reason is known"
    name = session["session_id"][:8]
    if state == "refused":
        found = _REFUSAL.fullmatch(reason)
        by, words = (found["by"], found["words"]) if found else ("", reason)
        raise Refused(_rule(session), words, by=by)
    if state == "aborted":
        raise SessionAborted(
            f"session {name} with {session['peer']} was broken off: {reason}. Start it again"
        )
    if state == "fault":
        raise SessionError(
            f"session {name} with {session['peer']} ended as a fault and its result is not shown: {reason}"
        )
    if state == "suspended":
        raise SessionError(
            f"session {name} with {session['peer']} broke off at {session['done_percent']} % and is suspended until "
            f"{session['resume_until']}. Start it again: it goes on where it was"
        )
    if state != "complete":
        raise SessionError(
            f"session {name} with {session['peer']} lacks the other lab's signature (it is {state}); it is "
            "settled before the next one: start that"
        )


def _run(node: NodeClient, lab: str, wishes: Mapping[str, Any], *, quiet: bool) -> dict[str, Any]:
    """One session to its end, however it ends."""
    from psi_client.cli.show.progress import SessionBar

    session_id = node.match(lab, **wishes)
    try:
        with nullcontext() if quiet else SessionBar(console(stderr=True), lab) as bar:
            for standing in node.follow(session_id, seconds=LOOK_SECONDS):
                if bar is not None:
                    bar.show(standing)
    except KeyboardInterrupt:
        typer.echo(f"the session goes on without you: psi sessions show {session_id[:8]}", err=True)
        raise
    session: dict[str, Any] = standing["session"]
    if session.get("resumed_at") is not None:
        words = f"went on with session {session_id[:8]}, which was suspended at {session['resumed_at']} %"
        typer.echo(words, err=True)
    return session


def _rule(session: Mapping[str, Any]) -> str:
    """The rule by which a session was refused, which stands in its words; empty for any other session."""
    found = _RULE.search(session["reason"] or "") if session["state"] == "refused" else None
    return found["rule"] if found else ""
