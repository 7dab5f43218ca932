"""Labels in incremental runs of `oprf`: what changed is said, what was said before is known, nothing else opens."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import Agreement, LabelGrant
from psi_core.engines.interface import LaneLabels
from psi_core.engines.labels import OVERHEAD, sealed_size
from psi_core.engines.oprf import relabelling
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.labels import sealed_by_tag
from psi_core.engines.oprf.lane import item_domain
from psi_core.engines.oprf.segment import Segment
from psi_core.kinds.fingerprint import fingerprint
from psi_core.kinds.labels import label_size
from psi_core.kinds.match_key import MatchKey
from psi_core.session.closing import Record
from psi_core.session.items import items_of
from psi_core.session.opening import GenerationTerms, SessionLabels
from psi_core.session.packed import Packed
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.actors.words import seal_word
from psi_service.matches.peer_labels import open_label
from psi_service.retention.elements import forget_cached, forget_elements
from psi_service.sessions import chains
from psi_service.sessions.generations import Generations, folder
from psi_service.sessions.increments import OTHER_LABELS, Step
from psi_service.sessions.progress import Phase
from psi_service.sessions.segment_file import read
from psi_service.sessions.views import SessionView
from tests.two_labs import KEY, LAB_A, LAB_B, Lab, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

DIRECTIONS = ["initiator", "responder", "both"]
FIELDS = ("severity", "campaign")
GRANTS = tuple(LabelGrant(lab=lab, fields=FIELDS) for lab in (LAB_A, LAB_B))
SEALED = sealed_size(label_size(FIELDS))
Said = dict[int, str]
"""What a lab's list holds: numbered addresses with their campaigns."""


async def labs(tmp_path: Path, mine: Said, theirs: Said, **changes: object) -> tuple[Lab, Lab, Agreement]:
    a, b, terms = await two_labs(
        tmp_path, agreement_between(**{"late_abort_limit": 50, "labels": GRANTS} | changes)
    )
    holds(a, mine)
    holds(b, theirs)
    return a, b, terms


def holds(lab: Lab, said: Said) -> None:
    """Make these the addresses that a lab suspects, an actor each, with what it says of them."""
    lab.clock.forward(seconds=1)
    lab.store.transaction_now(
        lambda db: [db.execute(f"DELETE FROM {table}") for table in ("indicators", "matches", "actors")]
    )
    lab.suspects({f"{number}": {"email": [f"n{number}@x.org"]} for number in said})
    rows = lab.store.query_now(lambda db: db.execute("SELECT id, reference, lookup FROM actors").fetchall())
    sealed = [
        (seal_word(lab.keys.data_key, "campaign", lookup, said[int(reference)]), number)
        for number, reference, lookup in rows
        if said[int(reference)]
    ]
    lab.store.transaction_now(
        lambda db: db.conn.executemany("UPDATE indicators SET campaign = ? WHERE actor = ?", sealed)
    )


def heard(lab: Lab) -> Said:
    """What the peer says of the matches of a lab's newest session; empty: it says nothing of them."""
    newest, peer = lab.table("sessions")[-1]["session_id"], LAB_B if lab.name == LAB_A else LAB_A
    rows = [row for row in lab.table("matches") if row["last_session"] == newest]
    numbers = {fingerprint(KEY, "email", f"n{n}@x.org"): n for n in range(600)}
    return {
        numbers[row["fingerprint"]]: str(
            open_label(lab.keys.data_key, peer, "email", row["fingerprint"], row["label"]).get("campaign", "")
        )
        for row in rows
    }


async def once(a: Lab, b: Lab, terms: Agreement, direction: str = "both") -> SessionView:
    a.clock.forward(seconds=1)
    return await run(a, b, terms, direction=direction, engine="oprf", match_keys=["email"])


def how(view: SessionView) -> str:
    assert view.state == "complete", view.reason
    return view.lanes[0].run or ""


def check(a: Lab, b: Lab, direction: str, mine: Said, theirs: Said) -> None:
    common = mine.keys() & theirs.keys()
    assert heard(a) == ({n: theirs[n] for n in common} if direction != "responder" else {})
    assert heard(b) == ({n: mine[n] for n in common} if direction != "initiator" else {})


async def stop(*both: Lab) -> None:
    for lab in both:
        await lab.stop()


def named(numbers: Iterable[int], words: str = "fox") -> Said:
    return {number: f"{words} {number}" for number in numbers}


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_new_item_hears_what_was_said_before_and_an_old_one_what_is_said_now(
    tmp_path: Path, direction: str
) -> None:
    mine, theirs = named(range(40)), named(range(20, 400), "owl")
    if direction == "responder":
        mine, theirs = theirs, mine
    a, b, terms = await labs(tmp_path, mine, theirs)
    assert "in full" in how(await once(a, b, terms, direction))
    check(a, b, direction, mine, theirs)
    hears, says = (theirs, mine) if direction == "responder" else (mine, theirs)
    hears |= dict.fromkeys(range(50, 58), "new here") | {25: "other words"}  # said before, but for 25
    says |= {3: "came", 30: "changed", 31: ""}
    del says[33]
    holds(a, mine)
    holds(b, theirs)
    assert how(await once(a, b, terms, direction)) == (
        "on generation 1: 64 new items evaluated, 64 tags added, 64 removed, labels of 64 sent again"
    )
    check(a, b, direction, mine, theirs)
    # Both records say so, and nothing of what is said.
    for lab in (a, b):
        (lane,) = Record.unverified(lab.table("sessions")[-1]["record"]).lanes
        assert (lane.parameters["relabelled"], lane.parameters["new"]) == (64, 64)
    await stop(a, b)


async def test_random_changes_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "BASE_PARTS", 0)
    monkeypatch.setattr(chains, "MOST_SEGMENTS", 3)
    chance = random.Random(11)  # noqa: S311 - test data
    mine, theirs = named(range(60)), named(range(30, 400))
    a, b, terms = await labs(tmp_path, mine, theirs)
    for turn in range(9):
        direction = DIRECTIONS[turn % 2 * 2]  # `initiator` and `both`: one sender, one key
        view = await once(a, b, terms, direction)
        assert how(view).startswith("on generation" if turn else "in full")
        check(a, b, direction, mine, theirs)
        for side in (mine, theirs):
            for _ in range(chance.choice([0, 1, 15])):
                number = chance.randrange(90)
                if chance.random() < 0.5:
                    side.pop(number, None)
                else:
                    side[number] = f"turn {turn}"
        holds(a, mine)
        holds(b, theirs)
    await stop(a, b)


@pytest.mark.parametrize("grants", [GRANTS[:1], GRANTS[1:]], ids=["the receiver", "the sender"])
async def test_where_both_learn_and_one_alone_gives_labels(
    tmp_path: Path, grants: tuple[LabelGrant, ...]
) -> None:
    """Direction `both`: lab-a, which dials, is the receiver of the run."""
    mine, theirs = named(range(10)), named(range(5, 200))
    a, b, terms = await labs(tmp_path, mine, theirs, labels=grants)
    hears, quiet = (b, a) if grants[0].lab == LAB_A else (a, b)
    for turn in range(3):
        assert how(await once(a, b, terms)).startswith("on generation" if turn else "in full")
        said = mine if hears is b else theirs
        assert heard(hears) == {number: said[number] for number in mine.keys() & theirs.keys()}
        rows = quiet.table("matches")
        assert {row["label"] for row in rows} == {None}
        assert len(rows) == len(mine.keys() & theirs.keys())
        mine, theirs = mine | {5: f"turn {turn}", 20 + turn: "new"}, theirs | {6: f"turn {turn}"}
        holds(a, mine)
        holds(b, theirs)
    await stop(a, b)


async def test_labels_go_along_for_the_first_time_or_are_others_and_the_run_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = named(range(10)), named(range(5, 15))
    a, b, terms = await labs(tmp_path, mine, theirs)
    with monkeypatch.context() as patch:
        patch.setattr(a.sessions._dialling._initiator, "_labels", lambda plan, peer: None)  # type: ignore[attr-defined]
        await once(a, b, terms, "initiator")
        # Without labels too, a run builds on a run.
        assert how(await once(a, b, terms, "initiator")).startswith("on generation 1")
    full = "in full: what is held has no labels, or others than go along now"
    assert how(await once(a, b, terms, "initiator")) == full
    check(a, b, "initiator", mine, theirs)
    assert how(await once(a, b, terms, "initiator")).startswith("on generation 1")
    with monkeypatch.context() as patch:
        fewer = SessionLabels(responder=("campaign",))
        patch.setattr(a.sessions._dialling._initiator, "_labels", lambda plan, peer: fewer)  # type: ignore[attr-defined]
        assert how(await once(a, b, terms, "initiator")) == full
    check(a, b, "initiator", mine, theirs)
    await stop(a, b)


@pytest.mark.parametrize("direction", ["initiator", "both"])
async def test_a_forged_label_of_an_incremental_run_drops_that_match_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    mine, theirs = named(range(10)), named(range(5, 15))
    a, b, terms = await labs(tmp_path, mine, theirs)
    await once(a, b, terms, direction)

    def forged(labels: LaneLabels, ctx: bytes, outputs: bytes, tags: bytes, width: int, own: bytes) -> bytes:
        sealed = bytearray(sealed_by_tag(labels, ctx, outputs, tags, width, own))
        each, said = native_core.cut(tags, width), native_core.cut(own, labels.sent)
        for place, tag in enumerate(sorted(each)):
            if b"forged" in said[each.index(tag)]:
                sealed[(place + 1) * SEALED - 1] ^= 1
        return bytes(sealed)

    theirs[7] = "forged"
    holds(b, theirs)
    with monkeypatch.context() as patch:
        patch.setattr(relabelling, "sealed_by_tag", forged)
        view = await once(a, b, terms, direction)
    assert how(view).startswith("on generation 1")
    assert view.lanes[0].unopened == 1
    dropped = {number: words for number, words in theirs.items() if number != 7}
    check(a, b, direction, mine, dropped)
    theirs[7] = "honest"
    holds(b, theirs)
    assert (await once(a, b, terms, direction)).lanes[0].unopened == 0
    check(a, b, direction, mine, theirs)
    await stop(a, b)


async def test_frames_have_the_same_lengths_whatever_number_of_labels_changed(tmp_path: Path) -> None:
    sizes = []
    for name, changed in (("none", 0), ("many", 40)):
        theirs = named(range(60))
        a, b, terms = await labs(tmp_path / name, named(range(50)), theirs)
        await once(a, b, terms)
        holds(b, theirs | named(range(changed), "x" * 30))
        seen: list[int] = []

        def note(frame: SessionFrame, seen: list[int] = seen) -> list[SessionFrame]:
            if frame.WhichOneof("body") == "engine":
                seen.append(len(frame.engine.payload))
            return [frame]

        a.tamper = b.tamper = note
        how(await once(a, b, terms))
        # Tags are coded by their differences, which are random: three frames of them, shorter than all others.
        sizes.append(sorted(seen)[3:])
        assert max(sorted(seen)[:3]) < 64 * 11
        await stop(a, b)
    assert sizes[0] == sizes[1]
    assert (64 + 64) * SEALED in sizes[0]
    assert 256 * (label_size(FIELDS) + OVERHEAD) in sizes[0]


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize(
    "phase", [Phase.ACCEPTED, Phase.BARRIER, Phase.COMPLETING, Phase.RESULTS, Phase.SIGNED]
)
@pytest.mark.parametrize("direction", ["both", "responder"])
async def test_after_a_cut_the_next_run_builds_on_what_both_hold_and_labels_are_right(
    tmp_path: Path, phase: Phase, side: str, direction: str
) -> None:
    mine, theirs = named(range(40)), named(range(20, 60))
    a, b, terms = await labs(tmp_path, mine, theirs)
    assert (await once(a, b, terms, direction)).state == "complete"
    mine, theirs = mine | {50: "new"}, theirs | {25: "changed", 70: "new"}
    holds(a, mine)
    holds(b, theirs)
    (a if side == "a" else b).cut_at = phase
    await once(a, b, terms, direction)
    await asyncio.sleep(0.05)
    mine, theirs = mine | {22: "changed"}, theirs | {25: "changed again", 26: "changed"}
    holds(a, mine)
    holds(b, theirs)
    assert how(await once(a, b, terms, direction)).startswith("on generation")
    check(a, b, direction, mine, theirs)
    await stop(a, b)


@pytest.mark.parametrize("damaged", ["a", "b"])
async def test_damaged_labels_are_thrown_away_and_the_generation_before_serves(
    tmp_path: Path, damaged: str
) -> None:
    mine, theirs = named(range(10)), named(range(5, 15))
    a, b, terms = await labs(tmp_path, mine, theirs)
    lab = a if damaged == "a" else b
    await once(a, b, terms)
    theirs[6] = "changed"
    holds(b, theirs)
    await once(a, b, terms)
    newest = max(lab.table("generation_segments"), key=lambda row: (row["generation"], row["place"]))
    path = folder(lab.store) / newest["file"]
    path.write_bytes(path.read_bytes()[:-1] + b"!")  # the last label, or output
    assert how(await once(a, b, terms)).startswith("on generation 1")
    check(a, b, "both", mine, theirs)
    for path in folder(lab.store).iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert how(await once(a, b, terms)).startswith("in full")
    check(a, b, "both", mine, theirs)
    await stop(a, b)


@pytest.mark.parametrize("eraser", ["a", "b"])
async def test_what_is_erased_takes_the_digest_of_its_label_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eraser: str
) -> None:
    monkeypatch.setattr(chains, "BASE_PARTS", 0)
    mine, theirs = named(range(40)), named(range(20, 60))
    a, b, terms = await labs(tmp_path, mine, theirs)
    await once(a, b, terms)
    mine, theirs = mine | {30: "changed"}, theirs | {30: "changed"}
    holds(a, mine)
    holds(b, theirs)
    await once(a, b, terms)
    lab, value = a if eraser == "a" else b, fingerprint(KEY, "email", "n30@x.org")
    caches, found = Generations(lab.store, lab.keys.data_key), {}

    def erase(db: object) -> None:
        forget_elements(db, [MatchKey.parse("email")], KEY, {"email": [value]}, {}, found)  # type: ignore[arg-type]
        forget_cached(db, found, [caches])  # type: ignore[arg-type]

    before = segments(lab)
    assert len(before) == 2
    lab.store.transaction_now(erase)
    (item,) = items_of(item_domain(statement_of(lab)), [value])
    for each in segments(lab):
        assert item not in Packed(each.items)
        assert (each.said is None) == (eraser == "a")
        assert each.said is None or item not in Packed(each.said.items)
    if eraser == "b":  # the digest of each segment's own items, and of the one that was said anew
        lost = [
            len(one.said.digests) - len(other.said.digests)
            for one, other in zip(before, segments(lab), strict=True)
            if one.said and other.said
        ]
        assert lost == [16, 0]
        assert [len(each.said.changed) for each in before if each.said] == [0, 16]
        assert [len(each.said.changed) for each in segments(lab) if each.said] == [0, 0]
    side = mine if lab is a else theirs
    del side[30]
    holds(lab, side)
    assert how(await once(a, b, terms)).startswith("on generation 2")
    check(a, b, "both", mine, theirs)
    side[30] = "back again"
    holds(lab, side)
    assert how(await once(a, b, terms)).startswith("on generation 3")
    check(a, b, "both", mine, theirs)
    await stop(a, b)


def statement_of(lab: Lab) -> KeyStatement:
    return KeyStatement.from_text(lab.table("generations")[-1]["statement"])


def segments(lab: Lab) -> list[Segment]:
    """Of a lab's newest generation, base first."""
    newest = lab.table("generations")[-1]["id"]
    rows = [row for row in lab.table("generation_segments") if row["generation"] == newest]
    return [
        read(folder(lab.store), row["file"], lab.keys.data_key, row["file_hash"])
        for row in sorted(rows, key=lambda row: row["place"])
    ]


async def test_an_offer_cannot_choose_fields_to_learn_of_what_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field today and another of its width tomorrow: all is said again but dummies, of which nothing is."""
    grant = LabelGrant(lab=LAB_B, fields=("first_seen", "last_seen"))
    mine, theirs = named(range(10)), named(range(5, 200))
    a, b, terms = await labs(tmp_path, mine, theirs, labels=(grant,))
    await once(a, b, terms, "initiator")
    for field in grant.fields:
        one = SessionLabels(responder=(field,))
        with monkeypatch.context() as patch:
            patch.setattr(a.sessions._dialling._initiator, "_labels", lambda plan, peer, one=one: one)  # type: ignore[attr-defined]
            assert how(await once(a, b, terms, "initiator")) == OTHER_LABELS
            # As long as it asks for the same field, a run builds on a run.
            assert how(await once(a, b, terms, "initiator")).startswith("on generation 1")
    assert how(await once(a, b, terms, "initiator")) == OTHER_LABELS
    await stop(a, b)


async def test_an_offer_cannot_state_the_numbers_of_the_lab_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = named(range(10)), named(range(5, 200))
    a, b, terms = await labs(tmp_path, mine, theirs)
    for direction, numbers in (
        (
            "both",
            {"added": 64, "removed": 64, "relabelled": 0},
        ),  # the peer sends, and would say how many it has
        ("responder", {"new": 0}),  # the peer receives
    ):
        await once(a, b, terms, direction)
        theirs |= named(range(50, 87), "owl")
        holds(b, theirs)

        def twice(step: Step, numbers: dict[str, int] = numbers) -> tuple[GenerationTerms, ...] | None:
            """The same generation twice: as it is due, and before that with numbers of the peer's."""
            return step.shown and tuple(
                terms for one in step.shown for terms in (one.terms.model_copy(update=numbers), one.terms)
            )

        with monkeypatch.context() as patch:
            patch.setattr(Step, "terms", property(twice))
            view = await once(a, b, terms, direction)
        # The run would be full; a sender that dials begins an epoch for that.
        if direction == "responder":
            assert "(rule epoch)" in str(view.reason)
            view = await once(a, b, terms, direction)
        assert how(view).startswith("in full")
        check(a, b, direction, mine, theirs)
    await stop(a, b)


async def test_labels_that_are_said_again_count_when_a_chain_grows_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "BASE_PARTS", 2)
    mine, theirs = named(range(400)), named(range(100, 500))
    a, b, terms = await labs(tmp_path, mine, theirs)
    lengths = []
    for words in ("fox", "fox", "owl"):
        theirs = named(range(100, 500), words)
        holds(b, theirs)
        await once(a, b, terms)
        check(a, b, "both", mine, theirs)
        lengths.append([len(segments(lab)) for lab in (a, b)])
    # The last run brought few items, but a label of every tag: to go on like that would keep eight of each.
    assert lengths == [[1, 1], [2, 2], [1, 1]]
    await stop(a, b)


async def test_no_label_lies_open_in_what_is_cached(tmp_path: Path) -> None:
    a, b, terms = await labs(tmp_path, named(range(10)), named(range(5, 15), "silver fox"))
    for _ in range(2):
        await once(a, b, terms)
    await stop(a, b)
    for lab in (a, b):
        data = b"".join(path.read_bytes() for path in lab.directory.rglob("*") if path.is_file())
        assert b"silver fox" not in data
