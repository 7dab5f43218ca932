"""Whole sessions between two labs under `vole`."""

from __future__ import annotations

from pathlib import Path

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import EngineTerms
from psi_core.engines.vole.slots import slots
from psi_core.log.entry import EntryKind
from psi_core.session.closing import Record
from psi_service.sessions.progress import Phase
from tests.two_labs import Lab, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="needs the native core")

OURS = {"a-1": {"email": ["both@x.org"]}, "a-2": {"email": ["only-a@x.org"]}, "a-3": {"device_id": ["v:1"]}}
THEIRS = {"b-1": {"email": ["both@x.org", "more@x.org"]}, "b-2": {"device_id": ["v:1"]}}


async def prepared(tmp_path: Path, *variants: str) -> tuple[Lab, Lab, object]:
    engines = tuple(EngineTerms(engine="vole", variant=variant) for variant in variants or ("malicious",))
    terms = agreement_between(engines=engines, padding_bucket=1024, reveal=("items",))
    a, b, _ = await two_labs(tmp_path, terms)
    a.suspects(OURS)
    b.suspects(THEIRS)
    return a, b, terms


@pytest.mark.parametrize(
    ("direction", "a_learns", "b_learns"),
    [("both", True, True), ("initiator", True, False), ("responder", False, True)],
)
async def test_each_direction_tells_the_right_labs_the_right_actors(
    tmp_path: Path, direction: str, a_learns: bool, b_learns: bool
) -> None:
    a, b, terms = await prepared(tmp_path)
    view = await run(a, b, terms, direction=direction, engine="vole")
    assert view.state == "complete", view.reason
    assert a.matched() == ({"a-1": {"email"}, "a-3": {"device_id"}} if a_learns else {})
    assert b.matched() == ({"b-1": {"email"}, "b-2": {"device_id"}} if b_learns else {})
    await a.stop()
    await b.stop()


async def test_the_record_names_the_security_model_and_the_stores(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path)
    assert (await run(a, b, terms, engine="vole")).state == "complete"
    note = a.entries(EntryKind.COUNTERSIGNED)[0].body["note"].encode()
    record = Record.open(note, a.card.document_verifier, b.card.document_verifier)
    assert {lane.security for lane in record.lanes} == {"malicious"}
    assert dict(record.lanes[0].parameters) == {"slots_smaller": slots(1024), "slots_larger": slots(1024)}
    await a.stop()
    await b.stop()


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.BARRIER, Phase.COMPLETING])
async def test_a_session_that_breaks_leaves_nothing_and_the_next_one_runs(
    tmp_path: Path, phase: Phase
) -> None:
    a, b, terms = await prepared(tmp_path)
    a.cut_at = phase
    assert (await run(a, b, terms, engine="vole")).state != "complete"
    assert (a.matched(), b.matched()) == ({}, {})
    a.cut_at = None
    assert (await run(a, b, terms, engine="vole")).state == "complete"
    await a.stop()
    await b.stop()


@pytest.mark.parametrize(
    ("agreed", "used"),
    [(("semi-honest",), "semi-honest"), (("semi-honest", "malicious"), "malicious")],
)
async def test_the_semi_honest_variant_runs_only_where_it_alone_is_agreed(
    tmp_path: Path, agreed: tuple[str, ...], used: str
) -> None:
    a, b, terms = await prepared(tmp_path, *agreed)
    view = await run(a, b, terms, direction="both", engine="vole")
    assert view.state == "complete", view.reason
    assert a.matched() == {"a-1": {"email"}, "a-3": {"device_id"}}
    assert b.matched() == {"b-1": {"email"}, "b-2": {"device_id"}}
    note = a.entries(EntryKind.COUNTERSIGNED)[0].body["note"].encode()
    record = Record.open(note, a.card.document_verifier, b.card.document_verifier)
    assert {(lane.variant, lane.security) for lane in record.lanes} == {(used, used)}
    await a.stop()
    await b.stop()
