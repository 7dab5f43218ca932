"""Incremental runs of `oprf`: the same result as a full run, paid for what changed; state, fall-back, purge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.oprf import chunks
from psi_core.engines.oprf.delta_lane import DeltaLane, delta_parameters
from psi_core.engines.oprf.delta_receiver import DeltaReceiver
from psi_core.engines.oprf.delta_sender import DeltaSender
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.oprf.generation import Generation, common, delta_size, width_of
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.lane import parameters_of
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.segment import GenerationName
from psi_core.errors import EngineFault, ProtocolFault
from tests.oprf_lanes import CTX, Lanes, carry, items, lanes

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 4)


@dataclass(frozen=True)
class Epoch:
    """Both labs in one epoch: the key, what each holds, and each one's state."""

    key: EpochKey
    own: Sequence[int]
    peer: Sequence[int]
    ours: Generation
    theirs: Generation


def full(own: Sequence[int], peer: Sequence[int]) -> Epoch:
    key = EpochKey.fresh()
    made = lanes(own, peer, key=key)
    caching = Lanes(replace(made.receiver, caches=True), replace(made.sender, caches=True))
    receiver, sender = caching.machines()
    carry(receiver, sender)
    ours, theirs = (
        Generation.based_on(made.sender.statement, each.left().segment) for each in (receiver, sender)
    )
    assert {receiver.left().name, sender.left().name} == {ours.name, theirs.name}
    return Epoch(key, own, peer, ours, theirs)


def known_items(state: Generation) -> set[bytes]:
    return set(native_core.cut(state.known.items(state.known.counting())))


def delta_lanes(
    epoch: Epoch, own: Sequence[int], peer: Sequence[int], *, returns: bool = False, **changes: int
) -> tuple[DeltaLane, DeltaLane]:
    statement = epoch.ours.statement
    known = known_items(epoch.ours)
    sizes = {
        "new": sum(item not in known for item in items(own)),
        "added": len(set(peer) - set(epoch.peer)),
        "removed": len(set(epoch.peer) - set(peer)),
    } | changes
    parameters = {
        **Oprf().parameters(len(own), len(peer), "items"),
        **parameters_of(statement),
        **delta_parameters(epoch.ours.name.number, **sizes),
    }

    def lane(
        given: Sequence[int], other: Sequence[int], state: Generation, key: EpochKey | None
    ) -> DeltaLane:
        return DeltaLane(
            "email",
            items(given),
            len(other),
            parameters,
            "items",
            CTX,
            statement,
            returns=returns,
            key=key,
            generation=state,
            # As in a session: the set was looked up before its canaries were known.
            begun=Recalled(state, items(given)[: len(given) // 2]) if key else None,
        )

    return lane(own, peer, epoch.ours, None), lane(peer, own, epoch.theirs, epoch.key)


def delta_machines(
    epoch: Epoch, own: Sequence[int], peer: Sequence[int], *, returns: bool = False
) -> tuple[DeltaReceiver, DeltaSender]:
    receiving, sending = delta_lanes(epoch, own, peer, returns=returns)
    receiver, sender = Oprf().receiver(receiving), Oprf().sender(sending)
    assert isinstance(receiver, DeltaReceiver)
    assert isinstance(sender, DeltaSender)
    return receiver, sender


def run(receiver: DeltaReceiver, sender: DeltaSender) -> tuple[Outcome, Outcome | None, list[int]]:
    """Carry every frame, in the order of a session; also the lengths of all frames, by kind."""
    blinded, changes = list(receiver.start()), list(sender.start())
    for frame in blinded:
        assert not list(sender.receive(frame))
    for frame in changes:
        assert not list(receiver.receive(frame))
    assert receiver.opened
    assert sender.opened
    assert not receiver.done
    answers = list(sender.complete())
    for frame in answers:
        for back in receiver.receive(frame):
            assert not list(sender.receive(back))
    assert receiver.done
    assert sender.done
    lengths = [sum(map(len, frames)) for frames in (blinded, changes, answers)]
    return plain(receiver.result()), plain(sender.result()) if sender.learns else None, lengths


def plain(outcome: Outcome) -> Outcome:
    assert outcome.positions is not None
    return replace(outcome, positions=tuple(outcome.positions))


def places(own: Sequence[int], peer: Sequence[int]) -> Outcome:
    found = tuple(place for place, number in enumerate(own) if number in peer)
    return Outcome(found, len(found))


@pytest.mark.parametrize("returns", [False, True], ids=["one learns", "both learn"])
def test_runs_on_runs_learn_what_full_runs_would(returns: bool) -> None:
    epoch = full(range(20), range(10, 30))
    for own, peer in [
        ([*range(5, 20), 25, 40, 41], [*range(12, 30), 3, 40]),  # 3 was queried before and is matched now
        ([*range(20), 3_000], [*range(12, 30), 41, 3_000]),
        ([25, 26, 27, 9_999], [9_999, 12]),
    ]:
        receiver, sender = delta_machines(epoch, own, peer, returns=returns)
        outcome, returned, _ = run(receiver, sender)
        assert outcome == places(own, peer)
        if returns:
            assert returned == places(peer, own)
        ours, theirs = epoch.ours.after(receiver.left().segment), epoch.theirs.after(sender.left().segment)
        assert receiver.left().name == sender.left().name == ours.name == theirs.name
        assert ours.name.number == epoch.ours.name.number + 1
        assert ours.known.list == theirs.known.list
        assert known_items(ours) == set(items(own))
        assert known_items(theirs) == set(items(peer))
        for state in (ours, theirs):  # the same as one base
            whole = Generation.based_on(epoch.ours.statement, state.whole())
            assert (whole.name, known_items(whole)) == (state.name, known_items(state))
        epoch = Epoch(epoch.key, own, peer, ours, theirs)


def test_only_what_changed_is_paid_for() -> None:
    epoch = full(range(400), range(200, 600))
    receiver, sender = delta_machines(epoch, [*range(3, 400), 700, 701, 702], [*range(202, 600), 700, 800])
    outcome, _, (blinded, changes, answers) = run(receiver, sender)
    assert outcome.count == 199
    assert (blinded, answers) == (3 * 32, 3 * 32 + 64)
    assert changes < 4 * 11


def test_both_sides_name_a_generation_alike_and_no_two_are_alike() -> None:
    first, second = full(range(8), range(8)), full(range(8), range(8))
    assert first.ours.name == first.theirs.name
    assert first.ours.name.number == 1
    assert first.ours.name != second.ours.name


def test_the_newest_generation_that_both_hold() -> None:
    one, two, other = (GenerationName(number, bytes([tag]) * 32) for number, tag in [(1, 1), (2, 2), (2, 3)])
    assert common([one, two], [two, one]) == two
    assert common([one, two], [one]) == one
    assert common([one, two], [one, other]) == one
    assert common([two], [other]) is None
    assert common([], [one]) is None


def test_numbers_of_changes_are_bucketed() -> None:
    assert [delta_size(changes, 64) for changes in (0, 1, 64, 65)] == [64, 64, 64, 128]


def erased(epoch: Epoch, numbers: Sequence[int]) -> Epoch:
    """Take items out of both labs' only segments, as an erasure does."""
    statement = epoch.ours.statement
    states = []
    for state, sends in ((epoch.ours, False), (epoch.theirs, True)):
        segment = state.whole().without(items(numbers), statement, sends=sends)
        assert segment is not None
        assert segment.outputs.count == len(known_items(state)) - len(numbers)
        states.append(Generation.based_on(statement, segment))
    return replace(epoch, ours=states[0], theirs=states[1])


def test_an_erased_item_leaves_the_cache_and_its_tag_the_peer() -> None:
    before = full(range(8), range(8))
    assert before.ours.whole().without(items([9]), before.ours.statement, sends=False) is None
    epoch = erased(before, [2])
    for state, was in ((epoch.ours, before.ours), (epoch.theirs, before.theirs)):
        assert state.name == was.name
        assert known_items(state) == set(items(range(8))) - set(items([2]))
    assert epoch.ours.orphans == b""
    assert len(epoch.theirs.orphans) == width_of(epoch.ours.statement)
    receiver, sender = delta_machines(epoch, [*range(8), 50], [*[n for n in range(8) if n != 2], 51])
    outcome, _, (blinded, _, _) = run(receiver, sender)
    assert blinded == 2 * 32  # 50, and 2 again: its output is gone
    assert outcome == places([*range(8), 50], [0, 1, 3, 4, 5, 6, 7])
    assert epoch.theirs.after(sender.left().segment).orphans == b""


def test_an_item_erased_after_it_left_and_came_again_is_gone_from_every_segment() -> None:
    epoch = full(range(8), range(8))
    segments = [(epoch.ours.whole(), epoch.theirs.whole())]
    for own in ([0, 1, 3, 4, 5, 6, 7, 8], range(9)):  # 2 leaves both labs, and comes back
        receiver, sender = delta_machines(epoch, own, own)
        run(receiver, sender)
        segments.append((receiver.left().segment, sender.left().segment))
        epoch = Epoch(
            epoch.key,
            own,
            own,
            epoch.ours.after(receiver.left().segment),
            epoch.theirs.after(sender.left().segment),
        )
    statement, found = epoch.ours.statement, []
    for side, sends in ((0, False), (1, True)):
        base, *later = (
            each[side].without(items([2]), statement, sends=sends) or each[side] for each in segments
        )
        state = Generation.based_on(statement, base)
        for segment in later:
            state = state.after(segment)
        assert items([2])[0] not in known_items(state)
        found.append(state)
    assert [state.name for state in found] == [epoch.ours.name] * 2
    purged = replace(epoch, ours=found[0], theirs=found[1])
    outcome, _, _ = run(*delta_machines(purged, range(10), [0, 1, 3, 4, 5, 6, 7, 8, 9]))
    assert outcome == places(range(10), [0, 1, 3, 4, 5, 6, 7, 8, 9])


def test_known_items_are_evaluated_again_to_fill_a_bucket() -> None:
    epoch = full(range(8), range(8))
    receiving, sending = delta_lanes(epoch, [*range(8), 9], [*range(8), 9], new=6)
    receiver, sender = Oprf().receiver(receiving), Oprf().sender(sending)
    assert isinstance(receiver, DeltaReceiver)
    assert isinstance(sender, DeltaSender)
    outcome, _, (blinded, _, _) = run(receiver, sender)
    assert (outcome.count, blinded) == (9, 6 * 32)
    assert receiver.left().segment.items == items([9])[0]


def test_sizes_that_do_not_lead_from_the_generation_to_the_run() -> None:
    epoch = full(range(8), range(8))
    for changes in ({"removed": 9}, {"added": 5}, {"new": 0}, {"new": 10}):
        for lane, make in zip(
            delta_lanes(epoch, [*range(8), 9], [*range(8), 9], **changes),
            (Oprf().receiver, Oprf().sender),
            strict=True,
        ):
            with pytest.raises(EngineFault):
                make(lane)
    receiving, sending = delta_lanes(epoch, [*range(8), 9, 10], [*range(8), 9], new=1)
    # The peer is told these words, and no number that it did not state.
    with pytest.raises(EngineFault, match=r"new items, or fewer items, than the 1 stated$"):
        Oprf().receiver(receiving)
    assert Oprf().sender(sending).opened is False
    receiving, sending = delta_lanes(epoch, [*range(8), 9], [*range(8), 9], added=2, removed=1)
    with pytest.raises(EngineFault, match=r"adds another number of tags than stated$"):
        Oprf().sender(sending)


def test_a_damaged_cache_is_said_to_be_one() -> None:
    epoch = full(range(8), range(8))
    statement, base = epoch.ours.statement, epoch.theirs.whole()
    for damaged in (
        replace(base, items=base.items[::-1]),
        replace(base, own_tags=base.own_tags[1:]),
        replace(base, coming=base.coming[::-1]),
    ):
        with pytest.raises(EngineFault, match="damaged"):
            Generation.based_on(statement, damaged)
    other = replace(base, coming=bytes(len(base.coming)))
    assert Generation.based_on(statement, other).name != epoch.theirs.name
    receiver, sender = delta_machines(epoch, [*range(8), 9], [*range(1, 8), 9])
    run(receiver, sender)
    segment = sender.left().segment
    for damaged in (
        replace(segment, leaving=bytes(len(segment.leaving))),
        replace(segment, facts=replace(segment.facts, before=None)),
        replace(segment, items=base.items[:32], own_tags=base.own_tags[: len(segment.own_tags)]),
    ):
        with pytest.raises(EngineFault, match="damaged"):
            epoch.theirs.after(damaged)


def test_hostile_frames() -> None:
    epoch = full(range(8), range(8))
    own, peer = [*range(8), 9], [*range(1, 8), 9]
    receiver, sender = delta_machines(epoch, own, peer)
    _, coming = sender.start()
    list(receiver.receive(coming))  # a tag that is not in the list is to leave it
    with pytest.raises(ProtocolFault, match="not in the list"):
        list(receiver.receive(coming))
    receiver, sender = delta_machines(epoch, own, peer)
    (blinded,) = receiver.start()
    with pytest.raises(ProtocolFault, match="bytes"):
        list(sender.receive(blinded + blinded))
    receiver, sender = delta_machines(epoch, own, peer)
    (blinded,) = receiver.start()
    for frame in sender.start():
        list(receiver.receive(frame))
    list(sender.receive(blinded))
    with pytest.raises(ProtocolFault, match="after the last blinded"):
        list(sender.receive(blinded))
    (answer,) = sender.complete()
    with pytest.raises(ProtocolFault, match="bytes"):
        list(receiver.receive(answer[:-1]))
    with pytest.raises(ProtocolFault, match="proof"):
        list(receiver.receive(bytes(64) + answer[64:]))
    assert not receiver.done
    list(receiver.receive(answer))
    with pytest.raises(ProtocolFault, match="after the last one"):
        list(receiver.receive(answer))


def test_nothing_is_answered_before_it_is_asked_for() -> None:
    epoch = full(range(8), range(8))
    receiver, sender = delta_machines(epoch, [*range(8), 9], [*range(1, 8), 9])
    for early in (receiver.result, receiver.left, sender.result, sender.left, sender.complete):
        with pytest.raises(EngineFault):
            early()


def test_the_debit_of_an_incremental_run_is_what_is_new() -> None:
    parameters = {"chunk": 1, "new": 64, "added": 128, "removed": 64}
    assert Oprf().evaluations(parameters, 5_000) == 64
    assert Oprf().evaluations(parameters, 5_000, peer_receives=False) == 128


def test_a_generation_does_not_show_what_it_holds() -> None:
    epoch = full([1], [1])
    assert repr(epoch.ours) == f"Generation(name={epoch.ours.name!r})"
