"""Whole runs of `vole`, straight and bent: the intersection, or one and the same fault."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.engines.interface import MAX_FRAME_BYTES, LaneContext, LaneLabels, Outcome
from psi_core.engines.labels import OVERHEAD, bound_to
from psi_core.engines.openmined.engine import OpenMined
from psi_core.engines.vole.engine import FEWEST_ITEMS, Vole
from psi_core.engines.vole.lane import VoleLane, run_context
from psi_core.engines.vole.machines import VoleReceiver, VoleSender
from psi_core.errors import EngineFault, ProtocolFault

pytestmark = pytest.mark.skipif(not native_core.available(), reason="the native core is not installed")

CONTEXT = run_context(b"c" * 32, 0, 0)
ENGINES = [Vole(), Vole(semi_honest=True)]
Bend = Callable[[int, bytes], bytes]


def numbered(numbers: Iterable[int]) -> list[bytes]:
    return [hashlib.sha256(b"vole item %d" % number).digest()[:16] for number in numbers]


def lane(
    engine: Vole, own: Sequence[bytes], peer_size: int, context: bytes = CONTEXT, label: str = "email"
) -> VoleLane:
    return VoleLane(
        label, own, peer_size, engine.parameters(len(own), peer_size, "items"), "items", context=context
    )


def pump(receiver: VoleReceiver, sender: VoleSender, bend: Bend = lambda _, frame: frame) -> Outcome:
    """Carry frames to and fro until neither says more; `bend` gets each frame and its number."""
    count = 0

    def carry(frames: Iterable[bytes], into: VoleReceiver | VoleSender) -> list[bytes]:
        nonlocal count
        answers = []
        for frame in frames:
            assert 0 < len(frame) <= MAX_FRAME_BYTES
            answers += list(into.receive(bend(count, frame)))
            count += 1
        return answers

    assert not list(receiver.start())
    from_sender = list(sender.start())
    while from_sender:
        from_sender = carry(carry(from_sender, receiver), sender)
    assert receiver.opened
    assert sender.opened
    assert not receiver.done
    carry(sender.complete(), receiver)
    assert receiver.done
    return receiver.result()


def run(engine: Vole, own: Sequence[bytes], peer: Sequence[bytes], **changes: Bend) -> Outcome:
    receiver, sender = (
        engine.receiver(lane(engine, own, len(peer))),
        engine.sender(lane(engine, peer, len(own))),
    )
    return pump(receiver, sender, **changes)


SIZE = 16
BOUND = bound_to(bytes(32), "email")


def run_labelled(
    engine: Vole, own: Sequence[bytes], peer: Sequence[bytes], labels: Sequence[bytes], bend: Bend
) -> Outcome:
    given = LaneLabels(SIZE, 0, b"".join(label.ljust(SIZE, b"\0") for label in labels), BOUND)
    awaited = LaneLabels(0, SIZE, b"", BOUND)
    return pump(
        engine.receiver(replace(lane(engine, own, len(peer)), labels=awaited)),
        engine.sender(replace(lane(engine, peer, len(own)), labels=given)),
        bend,
    )


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.variant)
def test_labels_of_matches_open_and_no_other(engine: Vole) -> None:
    own, peer = numbered(range(1024)), numbered(range(1000, 2100))
    labels = [b"label %d" % number for number in range(1000, 2100)]
    outcome = run_labelled(engine, own, peer, labels, lambda _, frame: frame)
    assert outcome.positions == tuple(range(1000, 1024))
    assert outcome.labels == {at: (b"label %d" % at).ljust(SIZE, b"\0") for at in range(1000, 1024)}
    assert outcome.unopened == 0


def test_forged_labels_drop_their_matches_and_are_counted() -> None:
    own = numbered(range(1024))
    sizes: list[int] = []

    def forge(_: int, frame: bytes) -> bytes:
        sizes.append(len(frame))
        return bytes(byte ^ 1 for byte in frame) if len(frame) == 1024 * (SIZE + OVERHEAD) else frame

    outcome = run_labelled(ENGINES[0], own, own, [b"x"] * 1024, forge)
    assert (outcome.positions, outcome.labels, outcome.unopened) == ((), {}, 1024)
    assert sizes[-1] == 1024 * (SIZE + OVERHEAD)


def test_sizes_do_not_depend_on_what_labels_say() -> None:
    own, peer = numbered(range(1024)), numbered(range(1000, 2100))
    seen = []
    for labels in ([b""] * 1100, [b"x" * SIZE] * 1100):
        sizes: list[int] = []

        def note(_: int, frame: bytes, sizes: list[int] = sizes) -> bytes:
            sizes.append(len(frame))
            return frame

        run_labelled(ENGINES[0], own, peer, labels, note)
        seen.append(sizes)
    assert seen[0] == seen[1]


def test_labels_go_one_way_and_are_one_an_item() -> None:
    own = numbered(range(1024))
    for labels in (
        LaneLabels(SIZE, 0, bytes(SIZE), BOUND),
        LaneLabels(SIZE, SIZE, bytes(SIZE * 1024), BOUND),
        LaneLabels(0, 0, b"", BOUND),
    ):
        with pytest.raises(EngineFault, match="labels"):
            ENGINES[0].sender(replace(lane(ENGINES[0], own, 1024), labels=labels))


def carried(engine: Vole, own: Sequence[bytes], peer: Sequence[bytes]) -> list[bytes]:
    """Every frame of a straight run."""
    frames = []

    def keep(_: int, frame: bytes) -> bytes:
        frames.append(frame)
        return frame

    run(engine, own, peer, bend=keep)
    return frames


@settings(max_examples=12, deadline=None)
@given(
    st.integers(FEWEST_ITEMS, 3000),
    st.integers(FEWEST_ITEMS, 3000),
    st.sampled_from([0, 1, 7, 500, None]),
    st.sampled_from(ENGINES),
)
def test_runs_are_set_intersection(own: int, peer: int, common: int | None, engine: Vole) -> None:
    overlap = min(own, peer) if common is None else common
    ours, theirs = numbered(range(own)), numbered(range(own - overlap, own - overlap + peer))
    # Items are hashes: in their own order, common ones lie anywhere.
    ours.sort()
    theirs.sort(key=lambda item: item[::-1])
    outcome = run(engine, ours, theirs)
    shared = set(theirs)
    assert list(outcome.positions or ()) == [at for at, item in enumerate(ours) if item in shared]
    assert outcome.count == overlap


def test_results_are_those_of_openmined(worker: object) -> None:
    ours, theirs = numbered(range(1100)), numbered(range(1050, 2100))
    other = OpenMined()
    parameters = other.parameters(len(ours), len(theirs), "items")
    lanes = [
        LaneContext("email", [item * 2 for item in each], size, parameters, "items")
        for each, size in ((ours, len(theirs)), (theirs, len(ours)))
    ]
    receiver, sender = other.receiver(lanes[0], worker), other.sender(lanes[1], worker)  # type: ignore[arg-type]
    for frame in receiver.start():
        list(sender.receive(frame))
    for frame in [*sender.start(), *sender.complete()]:
        list(receiver.receive(frame))
    found, expected = run(ENGINES[0], ours, theirs), receiver.result()
    assert (tuple(found.positions or ()), found.count) == (expected.positions, expected.count)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.variant)
def test_every_bent_frame_gives_one_fault_or_no_wrong_match(engine: Vole) -> None:
    ours, theirs = numbered(range(1024)), numbered(range(1000, 2024))
    frames = carried(engine, ours, theirs)
    words = set()
    for number, whole in enumerate(frames):
        for how in ("flip", "flip the last", "short", "long", "empty"):

            def bent(at: int, frame: bytes, number: int = number, how: str = how) -> bytes:
                if at != number:
                    return frame
                return {
                    "flip": bytes([frame[0] ^ 0x80]) + frame[1:],
                    "flip the last": frame[:-1] + bytes([frame[-1] ^ 1]),
                    "short": frame[:-1],
                    "long": frame + b"\0",
                    "empty": b"",
                }[how]

            try:
                outcome = run(engine, ours, theirs, bend=bent)
            except ProtocolFault as fault:
                words.add(str(fault))
                continue
            assert how.startswith("flip"), f"frame {number} of {len(whole)} bytes was taken {how}"
            assert set(outcome.positions or ()) <= set(range(1000, 1024))
    assert len(words) == 1


def test_a_fault_is_final() -> None:
    engine, items = ENGINES[0], numbered(range(1024))
    receiver = engine.receiver(lane(engine, items, 1024))
    sender = engine.sender(lane(engine, items, 1024))
    first = list(sender.start())
    for bad in (b"", first[0] + b"\0"):
        with pytest.raises(ProtocolFault):
            list(receiver.receive(bad))
    with pytest.raises(ProtocolFault):
        list(receiver.receive(first[0]))
    with pytest.raises(ProtocolFault):
        list(sender.receive(b"x"))


def test_machines_go_in_order_and_once() -> None:
    engine, items = ENGINES[0], numbered(range(1024))
    receiver, sender = engine.receiver(lane(engine, items, 1024)), engine.sender(lane(engine, items, 1024))
    with pytest.raises(EngineFault, match="before the masked store"):
        sender.complete()
    with pytest.raises(EngineFault, match="before the tags"):
        receiver.result()
    assert pump(receiver, sender).count == 1024
    for again in (receiver.start, sender.start, sender.complete, receiver.result):
        with pytest.raises(EngineFault):
            again()


def test_runs_of_other_contexts_do_not_fit() -> None:
    engine, items = ENGINES[0], numbered(range(1024))
    others = [run_context(b"c" * 32, 1, 0), run_context(b"c" * 32, 0, 1), run_context(b"d" * 32, 0, 0)]
    assert len({CONTEXT, *others}) == 4
    for other in others:
        receiver = engine.receiver(lane(engine, items, 1024))
        sender = engine.sender(lane(engine, items, 1024, other))
        with pytest.raises(ProtocolFault):
            pump(receiver, sender)


def test_duplicates_end_the_run() -> None:
    engine, items = ENGINES[0], numbered(range(1024))
    twice = [*items[:-1], items[0]]
    with pytest.raises(ProtocolFault):
        run(engine, twice, items)
    with pytest.raises(ProtocolFault):
        run(engine, items, twice)


def test_what_is_sent_depends_on_sizes_alone() -> None:
    lengths = []
    for own, peer in (
        (numbered(range(1024)), numbered(range(1024))),
        (numbered(range(1024)), numbered(range(5000, 6024))),
    ):
        lengths.append([len(frame) for frame in carried(ENGINES[1], own, peer)])
    assert lengths[0] == lengths[1]


def test_a_machine_shows_no_items() -> None:
    one = lane(ENGINES[0], [b"secret, mere 16.", *numbered(range(1023))], 1024)
    assert "secret" not in repr(one)
    assert "secret" not in repr(ENGINES[0].receiver(one))
