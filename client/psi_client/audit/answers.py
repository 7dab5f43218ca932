"""The claim about every answer of engine `oprf`: given under the key that its lab committed beforehand."""

from __future__ import annotations

from psi_client.audit.bundles import NOT_GIVEN
from psi_client.audit.facts import Faults, LogFacts
from psi_client.audit.finding import Finding, counted, first_places
from psi_client.audit.one_log import all_broken
from psi_client.audit.report import Place, State
from psi_client.audit.sessions_of_log import one_key, replayed
from psi_core import native_core


def every_answer(facts: LogFacts) -> Finding:
    """Each bundle that was given is the one that both labs recorded, and proves every answer in it."""
    lanes = facts.replayed.proven_lanes
    answers = sum(each.lane.items for each in lanes)
    where = f"{counted(len(lanes), 'lane')} of oprf"
    words = f"{counted(answers, 'answer')} in {where}, each proven under its committed key"
    finding = replayed(facts, "chunks", words if lanes else "no session used the engine oprf")
    if finding.state is not State.PROVEN or not lanes:
        return finding
    if not native_core.available():
        return Finding(State.NOT_PROVABLE, "checking the answers of oprf needs the native core (make)")
    if one_key(facts).state is not State.PROVEN:
        return Finding(State.NOT_PROVABLE, "the committed keys are not proven")
    wrong, missing = Faults(), []
    for each in lanes:
        result = facts.bundles.get(each.lane, NOT_GIVEN)
        if result.fault:
            where = f"session {each.lane.session_id}, {each.lane.match_key}"
            wrong.add(f"{where}: {result.fault}", each.position)
        elif not result.given:
            missing.append(Place(log=facts.log, position=each.position))
    if wrong.count:
        return all_broken(facts, wrong)
    if missing:
        words = f"{len(missing):,} of {where} without a bundle (--bundles)"
        return Finding(State.NOT_PROVABLE, words, first_places(missing))
    return finding
