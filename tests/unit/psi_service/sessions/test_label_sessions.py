"""Labels in sessions: who hears what, what stays closed, what is told, what the record says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import Agreement, EngineTerms, LabelGrant
from psi_core.engines.interface import LaneLabels
from psi_core.engines.labels import OVERHEAD
from psi_core.engines.oprf import sender as oprf_sender
from psi_core.engines.oprf.labels import sealed_by_tag
from psi_core.errors import Refused
from psi_core.kinds.labels import label_size
from psi_core.log.entry import EntryKind
from psi_core.session.closing import Record
from psi_core.session.opening import Accept, Offer, SessionLabels
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.actors.words import WORDS, seal_word
from psi_service.matches.peer_labels import open_label
from psi_service.sessions import labelling
from psi_service.sessions.views import SessionView
from tests.broken_sessions import cut_at, small_chunks
from tests.two_labs import LAB_A, LAB_B, Lab, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="labels need the native core")

OURS = {
    "a-1": {"email": ["both@x.org"], "device_id": ["v:1"]},
    "a-2": {"email": ["only-a@x.org"]},
    "a-3": {"ipv4": ["192.0.2.7"], "user_agent": ["bot"]},
}
THEIRS = {
    "b-1": {"email": ["both@x.org"], "device_id": ["v:2"]},
    "b-2": {"email": ["only-b@x.org"]},
    "b-3": {"ipv4": ["192.0.2.7"], "user_agent": ["bot"]},
}
FIELDS = ("severity", "campaign", "first_seen")
ENGINES = (
    EngineTerms(engine="openmined", variant="semi-honest"),
    EngineTerms(engine="oprf", variant="verifiable"),
    EngineTerms(engine="vole", variant="malicious"),
)
BOTH = (LabelGrant(lab=LAB_A, fields=("severity",)), LabelGrant(lab=LAB_B, fields=FIELDS))
B_ALONE = BOTH[1:]


def say(lab: Lab, reference: str, kind: str | None = None, **said: str) -> None:
    """What a lab's list says of an actor's indicators, of one kind or all."""

    def work(db: Any) -> None:
        found = db.execute(
            "SELECT id, lookup FROM actors WHERE reference = ?", (reference.encode(),)
        ).fetchone()
        actor, lookup = found
        for name, value in said.items():
            kept = seal_word(lab.keys.data_key, name, lookup, value) if name in WORDS else value
            db.execute(
                f"UPDATE indicators SET {name} = ? WHERE actor = ? AND (? IS NULL OR kind = ?)",
                (kept, actor, kind, kind),
            )

    lab.store.transaction_now(work)


def heard(lab: Lab, peer: str) -> dict[tuple[str, str], Mapping[str, str | int] | None]:
    """What a lab's matches hold of the peer's labels, by own actor and match key; None: nothing came."""
    rows = lab.store.query_now(
        lambda db: db.execute(
            "SELECT a.reference, m.match_key, m.fingerprint, m.label FROM matches m JOIN actors a ON a.id = m.actor"
        ).fetchall()
    )
    return {
        (reference.decode(), name): None
        if label is None
        else open_label(lab.keys.data_key, peer, name, element, label)
        for reference, name, element, label in rows
    }


async def prepared(
    tmp_path: Path, grants: tuple[LabelGrant, ...] | None, **changes: Any
) -> tuple[Lab, Lab, Agreement]:
    bucket = changes.pop("padding_bucket", 1024)
    terms = agreement_between(
        labels=grants, engines=ENGINES, padding_bucket=bucket, late_abort_limit=50, **changes
    )
    a, b, _ = await two_labs(tmp_path, terms)
    a.suspects(OURS)
    b.suspects(THEIRS)
    say(a, "a-1", severity="low")
    say(a, "a-2", severity="critical")
    say(b, "b-1", severity="high", campaign="silver fox", first_seen="2026-02-03T10:11:12Z")
    say(b, "b-2", severity="critical", campaign="secret of b-2")
    say(b, "b-3", "ipv4", campaign="proxies", first_seen="2026-03-01T00:00:00Z")
    say(b, "b-3", "user_agent", first_seen="2026-02-01T00:00:00Z")
    return a, b, terms


async def stop(*labs: Lab) -> None:
    for lab in labs:
        await lab.stop()


OF_B = {
    ("a-1", "email"): {"severity": "high", "campaign": "silver fox", "first_seen": "2026-02-03"},
    ("a-3", "ip+user_agent"): {"campaign": "proxies", "first_seen": "2026-02-01"},
}
OF_A = {("b-1", "email"): {"severity": "low"}, ("b-3", "ip+user_agent"): {}}


@pytest.mark.parametrize("engine", ["oprf", "vole"])
async def test_both_learn_and_each_hears_what_the_other_grants(tmp_path: Path, engine: str) -> None:
    a, b, terms = await prepared(tmp_path, BOTH)
    view = await run(a, b, terms, engine=engine)
    assert view.state == "complete", view.reason
    assert heard(a, LAB_B) == OF_B
    assert heard(b, LAB_A) == OF_A
    await stop(a, b)


@pytest.mark.parametrize("engine", ["oprf", "vole"])
@pytest.mark.parametrize(("starts", "direction"), [("a", "initiator"), ("b", "responder")])
async def test_a_receiver_hears_the_sender_whoever_dials(
    tmp_path: Path, engine: str, starts: str, direction: str
) -> None:
    a, b, terms = await prepared(tmp_path, BOTH)
    first, second = (a, b) if starts == "a" else (b, a)
    view = await run(first, second, terms, engine=engine, direction=direction)
    assert view.state == "complete", view.reason
    assert heard(a, LAB_B) == OF_B
    assert heard(b, LAB_A) == {}
    await stop(a, b)


@pytest.mark.parametrize("engine", ["oprf", "vole"])
async def test_only_one_lab_grants_and_only_the_other_hears(tmp_path: Path, engine: str) -> None:
    a, b, terms = await prepared(tmp_path, B_ALONE)
    assert (await run(a, b, terms, engine=engine)).state == "complete"
    assert heard(a, LAB_B) == OF_B
    assert heard(b, LAB_A) == dict.fromkeys(OF_A)
    await stop(a, b)


@pytest.mark.parametrize("engine", ["oprf", "vole"])
async def test_offer_accept_and_record_say_which_labels_went_along(tmp_path: Path, engine: str) -> None:
    a, b, terms = await prepared(tmp_path, BOTH)
    await run(a, b, terms, engine=engine)
    (row,) = a.table("sessions")
    said = SessionLabels(initiator=("severity",), responder=FIELDS)
    offer, record = Offer.unverified(row["offer"]), Record.unverified(row["record"])
    assert (offer.labels, Accept.unverified(row["accept"]).labels, record.labels) == (said, said, said)
    for lane in record.lanes:
        sizes = {name: size for name, size in lane.parameters.items() if name.startswith("labels_")}
        assert sizes == {"labels_initiator": 1, "labels_responder": label_size(FIELDS)}
    assert Record.unverified(b.table("sessions")[0]["record"]) == record
    await stop(a, b)


async def test_without_a_grant_none_go_along(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path, None)
    await run(a, b, terms, engine="oprf")
    record = Record.unverified(a.table("sessions")[0]["record"])
    assert record.labels is None
    assert not any(name.startswith("labels_") for lane in record.lanes for name in lane.parameters)
    assert heard(a, LAB_B) == dict.fromkeys(OF_B)
    await stop(a, b)


async def test_openmined_and_counts_run_without_labels(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path, BOTH)
    for asked in ({"reveal": "items"}, {"reveal": "count"}):
        view = await run(a, b, terms, engine="openmined", **asked)
        assert view.state == "complete", view.reason
        assert Record.unverified(a.table("sessions")[-1]["record"]).labels is None
    assert set(heard(a, LAB_B).values()) == {None}
    await stop(a, b)


async def test_labels_beyond_the_grant_are_refused_by_the_responder(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path, B_ALONE)
    wider = terms.model_copy(update={"labels": BOTH})
    a.sessions._dialling._initiator._labels = lambda plan, peer: SessionLabels(  # type: ignore[attr-defined]
        initiator=wider.granted(LAB_A), responder=wider.granted(LAB_B)
    )
    with pytest.raises(Refused) as refusal:
        await run(a, b, terms, engine="oprf")
    assert refusal.value.rule == "labels"
    await stop(a, b)


async def test_what_is_marked_amber_strict_or_red_or_has_expired_is_not_said(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path, B_ALONE)
    say(b, "b-1", tlp="amber+strict")
    say(b, "b-3", "ipv4", tlp="red")
    await run(a, b, terms, engine="vole")
    assert heard(a, LAB_B) == {
        ("a-1", "email"): {},
        ("a-3", "ip+user_agent"): {"first_seen": "2026-02-01"},
    }
    await stop(a, b)


@pytest.mark.parametrize("direction", ["initiator", "responder", "both"])
async def test_runs_of_oprf_on_runs_have_the_labels_of_now(tmp_path: Path, direction: str) -> None:
    a, b, terms = await prepared(tmp_path, BOTH, padding_bucket=64)
    for turn, severity in enumerate(("high", "critical", "low")):
        say(b, "b-1", severity=severity)
        view = await run(a, b, terms, engine="oprf", direction=direction)
        assert view.state == "complete", view.reason
        due = f"on generation {turn}: " if turn else "in full: this lab holds no generation"
        assert all((lane.run or "").startswith(due) for lane in view.lanes)
        if direction != "responder":
            assert heard(a, LAB_B)["a-1", "email"] == {**OF_B["a-1", "email"], "severity": severity}
    await stop(a, b)


async def test_a_new_label_takes_the_place_of_the_old_and_silence_too(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path, B_ALONE)
    await run(a, b, terms, engine="vole")
    say(b, "b-1", severity="critical")
    await run(a, b, terms, engine="vole")
    assert heard(a, LAB_B)["a-1", "email"] == {**OF_B["a-1", "email"], "severity": "critical"}
    say(b, "b-1", tlp="red")
    await run(a, b, terms, engine="vole")
    assert heard(a, LAB_B)["a-1", "email"] == {}
    # A session without labels changes nothing that was said.
    say(b, "b-1", tlp="green")
    await run(a, b, terms, engine="vole")
    await run(a, b, terms, engine="openmined")
    assert heard(a, LAB_B)["a-1", "email"] == {**OF_B["a-1", "email"], "severity": "critical"}
    await stop(a, b)


SEALED = label_size(FIELDS) + OVERHEAD


def forge_labels_that_say_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender changes the labels of its own items, and leaves those of canaries alone: they would give it away."""

    def forged(labels: LaneLabels, ctx: bytes, outputs: bytes, tags: bytes, width: int, own: bytes) -> bytes:
        sealed = bytearray(sealed_by_tag(labels, ctx, outputs, tags, width, own))
        each = native_core.cut(tags, width)
        for place, tag in enumerate(sorted(each)):
            if any(native_core.cut(own, labels.sent)[each.index(tag)]):
                sealed[(place + 1) * SEALED - 1] ^= 1
        return bytes(sealed)

    monkeypatch.setattr(oprf_sender, "sealed_by_tag", forged)


@pytest.mark.parametrize("direction", ["initiator", "both"])
async def test_a_forged_label_drops_its_match_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    a, b, terms = await prepared(tmp_path, B_ALONE)
    forge_labels_that_say_something(monkeypatch)
    view: SessionView = await run(a, b, terms, engine="oprf", direction=direction)
    # It looks as a false tag does, so the session goes on; with `both` the forger does not learn of the match either.
    assert view.state == "complete", view.reason
    assert a.matched() == b.matched() == {}
    assert {lane.match_key: lane.unopened for lane in view.lanes} == {
        "email": 1,
        "device_id": 0,
        "ip+user_agent": 1,
    }
    await stop(a, b)


async def test_a_label_that_no_honest_lab_writes_is_told_and_its_match_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, terms = await prepared(tmp_path, B_ALONE)
    monkeypatch.setattr(labelling, "encode", lambda fields, label: b"\xff" * label_size(fields))
    view = await run(a, b, terms, engine="vole", direction="initiator")
    assert view.state == "complete", view.reason
    assert heard(a, LAB_B) == {key: {} for key in OF_B}
    assert [lane.unopened for lane in view.lanes] == [1, 0, 1]
    await stop(a, b)


@pytest.mark.parametrize("engine", ["oprf", "vole"])
async def test_sizes_on_the_wire_do_not_depend_on_what_labels_say(tmp_path: Path, engine: str) -> None:
    sizes = []
    for name, words in (("quiet", ""), ("loud", "x" * 200)):
        a, b, terms = await prepared(tmp_path / name, BOTH)
        for reference in THEIRS if words else ():
            say(b, reference, severity="critical", campaign=words, first_seen="2026-02-03T10:11:12Z")
        seen: list[tuple[int, int]] = []

        def note(frame: SessionFrame, seen: list[tuple[int, int]] = seen) -> list[SessionFrame]:
            if frame.WhichOneof("body") == "engine":
                seen.append((frame.engine.lane, len(frame.engine.payload)))
            return [frame]

        b.tamper = note
        await run(a, b, terms, engine=engine)
        if engine == "oprf":
            # Tags are coded by their differences, which are random.
            seen = [each for each in seen if each[1] == 2048 * SEALED]
            assert len(seen) == 3
        sizes.append(sorted(seen))
        await stop(a, b)
    assert sizes[0] == sizes[1]


async def test_no_log_entry_holds_a_label(tmp_path: Path) -> None:
    a, b, terms = await prepared(tmp_path, BOTH)
    await run(a, b, terms, engine="oprf")
    for lab in (a, b):
        assert EntryKind.PRE_RECORD in {entry.kind for entry in lab.entries()}
        assert not any("silver fox" in str(entry.body) for entry in lab.entries())
    await stop(a, b)
    for lab in (a, b):
        data = b"".join(path.read_bytes() for path in lab.directory.rglob("*") if path.is_file())
        assert b"silver fox" not in data


async def test_labels_go_on_with_a_session_that_broke_off(tmp_path: Path, monkeypatch: Any) -> None:
    small_chunks(monkeypatch)
    a, b, terms = await prepared(tmp_path, BOTH)
    say(a, "a-1", severity="high")
    say(b, "b-1", severity="low", campaign="autumn")
    cut_at(b, 3)
    asked = {"engine": "oprf", "match_keys": ["email", "device_id"]}
    broken = await run(a, b, terms, **asked)
    assert broken.state == "suspended", broken.reason
    await b.running.wait(broken.session_id)
    # What is said meanwhile is said in the next session.
    say(b, "b-1", severity="critical")
    view = await run(a, b, terms, **asked)
    assert (view.session_id, view.state) == (broken.session_id, "complete"), view.reason
    said = heard(a, LAB_B)["a-1", "email"]
    assert said is not None
    assert (said["severity"], said["campaign"]) == ("low", "autumn")
    told = heard(b, LAB_A)["b-1", "email"]
    assert told is not None
    assert told["severity"] == "high"
    await a.stop()
    await b.stop()
