"""Engine `oprf` from one session to the next: only what changed is paid for, and the result is a full run's."""

from __future__ import annotations

import asyncio
import random
import stat
from pathlib import Path

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import MatchKeyTerms
from psi_core.engines.oprf import epoch
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import item_domain
from psi_core.kinds.fingerprint import fingerprint
from psi_core.kinds.match_key import MatchKey
from psi_core.log.entry import EntryKind
from psi_core.session.closing import Record
from psi_core.session.items import items_of
from psi_core.session.packed import Packed
from psi_core.session.snapshot import freeze
from psi_service.retention.elements import forget_cached, forget_elements
from psi_service.sessions import chains
from psi_service.sessions.generations import Generations, folder
from psi_service.sessions.members import current_members
from psi_service.sessions.progress import Phase
from psi_service.sessions.segment_file import read
from tests.two_labs import KEY, LAB_A, LAB_B, Lab, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

DIRECTIONS = ["initiator", "responder", "both"]


def holds(lab: Lab, numbers: set[int]) -> None:
    """Make these the addresses that a lab suspects, an actor each."""
    lab.store.transaction_now(
        lambda db: [db.execute(f"DELETE FROM {table}") for table in ("indicators", "matches")]
    )
    lab.suspects({f"{lab.clock.now:%d%H%M%S}-{n}": {"email": [f"n{n}@x.org"]} for n in numbers})


async def labs(tmp_path: Path, mine: set[int], theirs: set[int], **changes) -> tuple[Lab, Lab, object]:
    a, b, terms = await two_labs(tmp_path, agreement_between(late_abort_limit=50, **changes))
    holds(a, mine)
    holds(b, theirs)
    return a, b, terms


def files(lab: Lab, number: int = -1) -> list[Path]:
    """The segments of a lab's newest generation, or of the one in row `number`; base first."""
    wanted = lab.table("generations")[number]["id"]
    rows = sorted(lab.table("generation_segments"), key=lambda row: row["place"])
    return [folder(lab.store) / row["file"] for row in rows if row["generation"] == wanted]


def check_files(lab: Lab) -> None:
    """Every file is named by a chain, and no chain names another."""
    named = {row["file"] for row in lab.table("generation_segments")}
    assert {path.name for path in folder(lab.store).iterdir()} == named


async def stop(*both: Lab) -> None:
    for lab in both:
        await lab.stop()


async def once(a: Lab, b: Lab, terms, direction: str = "both"):
    a.clock.forward(seconds=1)
    return await run(a, b, terms, direction=direction, engine="oprf", match_keys=["email"])


def matched(lab: Lab) -> set[int]:
    """Which numbered addresses the lab's newest session matched."""
    by_fingerprint = {fingerprint(KEY, "email", f"n{n}@x.org"): n for n in range(400)}
    newest = lab.table("sessions")[-1]["session_id"]
    rows = (row for row in lab.table("matches") if row["last_session"] == newest)
    return {by_fingerprint[row["fingerprint"]] for row in rows}


def check(a: Lab, b: Lab, direction: str, expected: set[int]) -> None:
    assert matched(a) == (expected if direction in ("initiator", "both") else set())
    assert matched(b) == (expected if direction in ("responder", "both") else set())


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_the_second_run_pays_only_for_what_changed(tmp_path, direction):
    mine, theirs = set(range(150)), set(range(100, 230))
    a, b, terms = await labs(tmp_path, mine, theirs)
    first = await once(a, b, terms, direction)
    assert first.state == "complete", first.reason
    assert "in full: this lab holds no generation" in first.lanes[0].run
    check(a, b, direction, mine & theirs)
    mine, theirs = mine - {101, 102} | {200, 201}, theirs - {149} | {3}
    holds(a, mine)
    holds(b, theirs)
    second = await once(a, b, terms, direction)
    assert second.state == "complete", second.reason
    assert second.lanes[0].run == "on generation 1: 64 new items evaluated, 64 tags added, 64 removed"
    check(a, b, direction, mine & theirs)
    sender = a if direction == "responder" else b
    assert [row["epoch"] for row in sender.table("epoch_keys")] == [1]
    for lab in (a, b):
        assert [row["number"] for row in lab.table("generations")] == [1, 2]
        debits = sorted(lab.table("debits"), key=lambda row: row["evaluations"])
        assert [row["evaluations"] for row in debits[:1]] == ([64] if len(debits) == 2 else [])
    assert second.bytes_sent < first.bytes_sent
    await stop(a, b)


async def test_both_records_name_the_generation_that_the_run_leaves(tmp_path):
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    for number in (1, 2, 3):
        view = await once(a, b, terms)
        assert view.state == "complete", view.reason
        chunks = Record.unverified(a.table("sessions")[-1]["record"]).lanes[0].chunks
        newest = {lab.name: lab.table("generations")[-1] for lab in (a, b)}
        assert {(row["number"], row["hash"].hex()) for row in newest.values()} == {
            (chunks.generation, chunks.generation_hash)
        }
        assert chunks.generation == number
    await stop(a, b)


async def test_random_changes_give_what_a_comparison_in_the_clear_gives(tmp_path):
    chance = random.Random(7)  # noqa: S311 - test data
    mine, theirs = set(range(60)), set(range(30, 90))
    a, b, terms = await labs(tmp_path, mine, theirs)
    for turn in range(6):
        direction = DIRECTIONS[turn % 2 * 2]  # `initiator` and `both`: one sender, one key
        view = await once(a, b, terms, direction)
        assert view.state == "complete", view.reason
        assert (view.lanes[0].run or "").startswith("on generation" if turn else "in full")
        check(a, b, direction, mine & theirs)
        for side in (mine, theirs):
            for _ in range(chance.choice([0, 1, 15])):
                side ^= {chance.randrange(150)}
        holds(a, mine)
        holds(b, theirs)
    await stop(a, b)


def check_set(lab: Lab, terms) -> None:
    """What the store holds as the current set is the one that the last snapshot entry commits to."""
    body = lab.entries(EntryKind.SNAPSHOT)[-1].body
    peer = terms.other(lab.name)
    members = lab.store.query_now(lambda db: current_members(db, peer, "email"))
    assert freeze("email", members, body["padded_size"]).root.hex() == body["commitment"]


async def test_two_labs_that_dial_in_turn_keep_a_chain_for_each_sender(tmp_path):
    mine, theirs = set(range(40)), set(range(20, 60))
    a, b, terms = await labs(tmp_path, mine, theirs)
    for turn in range(5):
        for one, other in ((a, b), (b, a)):
            view = await once(one, other, terms)
            assert view.state == "complete", view.reason
            assert view.lanes[0].run.startswith("on generation" if turn else "in full"), (turn, view.lanes[0])
            assert matched(one) == matched(other) == mine & theirs
            mine, theirs = mine ^ {turn, 90 + turn}, theirs ^ {90 + turn, 25 + turn, 27}
            holds(a, mine)
            holds(b, theirs)
            for lab in (one, other):
                check_set(lab, terms)
    assert {row["sender"] for row in a.table("generations")} == {LAB_A, LAB_B}
    assert any(row["spare"] for row in a.table("dummies"))
    await stop(a, b)


async def test_a_set_at_the_agreed_cap_has_no_spare_places_and_says_so(tmp_path):
    tight = (MatchKeyTerms(match_key="email", max_size=64, evaluations_per_period=10_000),)
    a, b, terms = await labs(tmp_path, {1, 2}, {2, *range(50, 97)}, match_keys=tight)
    seen = []
    for numbers in ({2, *range(50, 97)}, {2, *range(51, 97)}, {2, *range(51, 90), 100}):
        b.clock.forward(seconds=1)
        holds(b, numbers)
        view = await once(a, b, terms)
        assert view.state == "complete", view.reason
        assert (view.lanes[0].own_size, view.lanes[0].peer_size) == (64, 64)
        check(a, b, "both", {2})
        seen.append(view.lanes[0].run)
    served = {row["run"] for row in b.table("session_lanes")}
    assert "in full" in seen[-1]
    assert any("agree on a max_size of one padding bucket more" in words for words in served)
    await stop(a, b)


PHASES = [Phase.OFFERED, Phase.ACCEPTED, Phase.BARRIER, Phase.COMPLETING, Phase.RESULTS, Phase.SIGNED]


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("direction", ["both", "responder"])
async def test_a_cut_costs_nobody_a_full_run(tmp_path, phase, side, direction):
    mine, theirs = set(range(40)), set(range(20, 60))
    a, b, terms = await labs(tmp_path, mine, theirs)
    assert (await once(a, b, terms, direction)).state == "complete"
    mine, theirs = mine ^ {1, 30, 70}, theirs ^ {70, 25, 99}
    holds(a, mine)
    holds(b, theirs)
    (a if side == "a" else b).cut_at = phase
    await once(a, b, terms, direction)
    await asyncio.sleep(0.05)
    mine, theirs = mine ^ {5, 31, 71}, theirs ^ {71, 5, 97}
    holds(a, mine)
    holds(b, theirs)
    view = await once(a, b, terms, direction)
    assert view.state == "complete", view.reason
    assert view.lanes[0].run.startswith("on generation"), view.lanes[0].run
    check(a, b, direction, mine & theirs)
    await stop(a, b)


@pytest.mark.parametrize("damaged", ["a", "b"])
async def test_a_damaged_cache_is_thrown_away_and_the_one_before_serves(tmp_path, damaged):
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    lab = a if damaged == "a" else b
    for _ in range(2):
        await once(a, b, terms)
    newest = files(lab)[-1]
    assert stat.S_IMODE(newest.stat().st_mode) == 0o600
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    view = await once(a, b, terms)
    assert (view.state, view.lanes[0].run.split(":")[0]) == ("complete", "on generation 1")
    for path in folder(lab.store).iterdir():
        path.unlink()
    holds(b, {1, 3})
    view = await once(a, b, terms)
    assert (view.state, view.lanes[0].run.split(":")[0]) == ("complete", "in full")
    check(a, b, "both", {1})
    await stop(a, b)


async def test_where_the_receiver_has_lost_what_the_offer_builds_on_the_next_offer_is_full(tmp_path):
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    assert (await once(a, b, terms, "responder")).state == "complete"
    for path in folder(b.store).iterdir():
        path.unlink()
    first = await once(a, b, terms, "responder")
    assert first.state == "refused"
    assert "(rule epoch)" in first.reason
    view = await once(a, b, terms, "responder")
    assert view.state == "complete", view.reason
    check(a, b, "responder", {2})
    await stop(a, b)


async def test_when_an_epoch_ends_the_next_run_is_full_and_the_key_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(epoch, "LEAST", 200)
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    seen = []
    for _ in range(4):
        view = await once(a, b, terms, "initiator")
        assert view.state == "complete", view.reason
        seen.append(view.lanes[0].run.split(":")[0])
        check(a, b, "initiator", {2})
    epochs = b.table("epoch_keys")
    assert len(epochs) > 1
    assert [row["secret"] is None for row in epochs] == [True] * (len(epochs) - 1) + [False]
    assert seen.count("in full") == len(epochs)
    assert {row["number"] for row in a.table("generations")} <= {1, 2, 3}
    await stop(a, b)


async def test_a_run_writes_only_what_changed_and_a_long_chain_becomes_one_base(tmp_path, monkeypatch):
    monkeypatch.setattr(chains, "BASE_PARTS", 0)
    monkeypatch.setattr(chains, "MOST_SEGMENTS", 3)
    mine, theirs = set(range(300)), set(range(200, 390))
    a, b, terms = await labs(tmp_path, mine, theirs)
    lengths, bases = [], []
    for turn in range(6):
        view = await once(a, b, terms)
        assert view.lanes[0].run.startswith("on generation" if turn else "in full")
        check(a, b, "both", mine & theirs)
        for lab in (a, b):
            check_files(lab)
        lengths.append([len(files(lab)) for lab in (a, b)])
        bases.append(files(a)[0])
        if 0 < turn < 3:
            assert files(a)[:-1] == files(a, -2)
            assert files(a)[-1].stat().st_size < files(a)[0].stat().st_size
        mine, theirs = mine ^ {turn, 390 + turn}, theirs ^ {390 + turn, 250 + turn}
        holds(a, mine)
        holds(b, theirs)
    assert lengths == [[1, 1], [2, 2], [3, 3], [1, 1], [2, 2], [3, 3]]
    assert len(set(bases)) == 2
    await stop(a, b)


async def test_a_damaged_base_is_noticed_before_the_offer_and_the_run_is_full(tmp_path):
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    for _ in range(2):
        await once(a, b, terms)
    for base in {files(a, number)[0] for number in (0, 1)}:
        data = bytearray(base.read_bytes())
        data[-100] ^= 1  # among the outputs, which a run of this direction does not need
        base.write_bytes(data)
    view = await once(a, b, terms, "both")
    assert (view.state, view.lanes[0].run.split(":")[0]) == ("complete", "in full")
    check(a, b, "both", {2})
    await stop(a, b)


async def test_what_a_run_leaves_is_written_whole_when_its_generation_was_thrown_away(tmp_path):
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    await once(a, b, terms)
    kept = Generations.keep

    async def late(self, session_id, made):
        await self.discard(terms.hash(), ["email"], LAB_B)
        await kept(self, session_id, made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Generations, "keep", late)
        view = await once(a, b, terms)
    assert (view.state, view.lanes[0].run.split(":")[0]) == ("complete", "on generation 1")
    for lab in (a, b):
        assert [row["number"] for row in lab.table("generations")] == [2]
        assert len(files(lab)) == 1
        check_files(lab)
    view = await once(a, b, terms)
    assert (view.state, view.lanes[0].run.split(":")[0]) == ("complete", "on generation 2")
    check(a, b, "both", {2})
    await stop(a, b)


@pytest.mark.parametrize("eraser", ["a", "b"])
async def test_what_is_erased_leaves_the_caches_and_still_the_next_run_is_incremental(tmp_path, eraser):
    mine, theirs = set(range(40)), set(range(20, 60))
    a, b, terms = await labs(tmp_path, mine, theirs)
    await once(a, b, terms)
    lab = a if eraser == "a" else b
    (before,) = files(lab)
    size = before.stat().st_size
    gone = {"email": [fingerprint(KEY, "email", "n30@x.org")]}
    caches, found = Generations(lab.store, lab.keys.data_key), {}

    def erase(db):
        forget_elements(db, [MatchKey.parse("email")], KEY, gone, {}, found)
        forget_cached(db, found, [caches])

    lab.store.transaction_now(erase)
    (after,) = files(lab)
    assert not before.exists()
    assert after.stat().st_size < size
    mine, theirs = (mine - {30}, theirs) if lab is a else (mine, theirs - {30})
    holds(a, mine)
    holds(b, theirs)
    view = await once(a, b, terms)
    assert (view.state, view.lanes[0].run.split(":")[0]) == ("complete", "on generation 1")
    check(a, b, "both", mine & theirs)
    await stop(a, b)


async def test_files_that_no_row_names_are_swept_at_start(tmp_path):
    a, b, terms = await labs(tmp_path, {1, 2}, {2, 3})
    await once(a, b, terms)
    stray = folder(a.store) / "stray"
    stray.write_bytes(b"left by a crash")
    await a.sessions.settle_all([])
    assert not stray.exists()
    assert (await once(a, b, terms)).lanes[0].run.startswith("on generation 1")
    assert [row["sender"] for row in a.table("generations")] == [LAB_B, LAB_B]
    assert LAB_A not in {row["sender"] for row in b.table("generations")}
    await stop(a, b)


def at_once(step) -> None:
    """Run a coroutine that has nothing to wait for."""
    with pytest.raises(StopIteration):
        step.send(None)


@pytest.mark.parametrize("eraser", ["a", "b"])
@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.BARRIER])
@pytest.mark.parametrize("before", ["known", "new", "thrown away"])
async def test_what_is_erased_while_a_run_lasts_does_not_come_back_with_what_the_run_leaves(
    tmp_path, eraser, phase, before
):
    mine, theirs = set(range(40)), set(range(20, 60))
    a, b, terms = await labs(tmp_path, mine, theirs)
    if before != "new":
        await once(a, b, terms)
    lab = a if eraser == "a" else b
    value, caches = fingerprint(KEY, "email", "n30@x.org"), Generations(lab.store, lab.keys.data_key)
    watched = lab.sessions if eraser == "a" else lab.incoming

    def erase(db):
        found = {}
        forget_elements(db, [MatchKey.parse("email")], KEY, {"email": [value]}, {}, found)
        forget_cached(db, found, [caches])
        db.execute("DELETE FROM indicators WHERE fingerprint = ?", (value,))
        if before == "thrown away":
            db.execute("DELETE FROM generations")

    def watch(_: str, reached: Phase) -> None:
        if reached is phase:
            watched._watch = None
            # As retention does it; nobody freezes at this moment, so it has its turn without waiting.
            purge = lab.freezer.stillness.broken()
            at_once(purge.__aenter__())
            lab.store.transaction_now(erase)
            at_once(purge.__aexit__(None, None, None))

    watched._watch = watch
    view = await once(a, b, terms)
    assert view.state == "complete", view.reason
    held = [
        read(folder(lab.store), row["file"], lab.keys.data_key, row["file_hash"])
        for row in lab.table("generation_segments")
    ]
    if before != "thrown away":
        check_files(lab)
    statements = {KeyStatement.from_text(row["statement"]) for row in lab.table("generations")}
    assert held
    assert statements
    for statement in statements:
        (item,) = items_of(item_domain(statement), [value])
        assert not any(item in Packed(each.items) for each in held)
    mine, theirs = (mine - {30}, theirs) if lab is a else (mine, theirs - {30})
    holds(a, mine)
    holds(b, theirs)
    assert (await once(a, b, terms)).lanes[0].run.startswith("on generation")
    check(a, b, "both", mine & theirs)
    await stop(a, b)
