"""The two machines of `oprf` against each other: what is learned, what is sent, and what is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from psi_core.engines.interface import MAX_FRAME_BYTES, LaneContext, Outcome, Receiver, Sender
from psi_core.engines.oprf import chunks, return_frames, tag_frames
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.lane import OprfLane
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.log.tree import leaf_hash, root_of
from tests.oprf_lanes import CTX, Lanes, carry, items, lanes, open_both

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks, tag frames and return frames of a few elements, so that small sets need several."""
    monkeypatch.setattr(chunks, "CHUNK", 5)
    monkeypatch.setattr(tag_frames, "TAGS_A_FRAME", 4)
    monkeypatch.setattr(return_frames, "MAX_FRAME_BYTES", 100 * return_frames.RETURN_BYTES)


OVERLAPS = [
    (range(12), range(12)),
    (range(12), range(12, 24)),
    ([3], range(12)),
    (range(12), [3]),
    ([5, 1, 9, 7], [7, 2, 5, 3, 8]),
]


@pytest.mark.usefixtures("small_frames")
@pytest.mark.parametrize("returns", [False, True], ids=["one learns", "both learn"])
@pytest.mark.parametrize(("own", "peer"), OVERLAPS)
def test_each_learns_which_of_its_items_the_other_holds(
    own: list[int], peer: list[int], returns: bool
) -> None:
    outcome, returned = carry(*lanes(own, peer, returns=returns).machines())
    common = tuple(place for place, number in enumerate(own) if number in peer)
    assert outcome == Outcome(common, len(common))
    if returns:
        theirs = tuple(place for place, number in enumerate(peer) if number in own)
        assert returned == Outcome(theirs, len(theirs))


def test_the_machines_are_what_the_interface_says() -> None:
    receiver: Receiver
    sender: Sender
    receiver, sender = lanes([1], [1]).machines()
    assert receiver.opened is False
    assert sender.opened is False


@pytest.mark.usefixtures("small_frames")
def test_the_sender_may_start_before_or_while_chunks_arrive() -> None:
    receiver, sender = lanes(range(12), range(6, 18)).machines()
    evaluating = sender.start()
    answers = [answer for frame in receiver.start() for answer in sender.receive(frame)]
    assert not list(evaluating)
    for answer in answers:
        assert not list(receiver.receive(answer))
    for frame in sender.complete():
        list(receiver.receive(frame))
    assert receiver.result().count == 6


@pytest.mark.usefixtures("small_frames")
def test_lengths_follow_from_sizes_alone_but_for_the_coded_tags() -> None:
    for own, peer in [(range(12), range(12)), (range(12), range(20, 32))]:
        receiver, sender = lanes(own, peer, returns=True).machines()
        blinded = list(receiver.start())
        assert [len(frame) for frame in blinded] == [160, 160, 64]
        answers = [answer for frame in blinded for answer in sender.receive(frame)]
        assert [len(frame) for frame in answers] == [224, 224, 128]
        for answer in answers:
            list(receiver.receive(answer))
        list(sender.start())
        tags = list(sender.complete())
        assert len(tags) == 3
        returned = [frame for tag in tags for frame in receiver.receive(tag)]
        assert [len(frame) for frame in returned] == [1600, 1600, 896]


def test_a_whole_return_frame_is_followed_by_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(return_frames, "MAX_FRAME_BYTES", 256 * return_frames.RETURN_BYTES)
    frames = list(return_frames.return_frames(bytes(16)))
    assert [len(frame) for frame in frames] == [4096, 0]
    reader = return_frames.ReturnReader(1)
    for frame in frames:
        assert not reader.complete
        reader.take(frame)
    assert reader.complete
    assert reader.values()[:16] == bytes(16)


def test_tags_and_return_values_are_sorted_so_that_no_order_is_told() -> None:
    receiver, sender = lanes(range(40), range(20, 60), returns=True).machines()
    open_both(receiver, sender)
    returned = [frame for tags in sender.complete() for frame in receiver.receive(tags)]
    width = tag_frames.tag_bytes(80)
    assert receiver._theirs.tags() != b"".join(sender._tags)  # not in item order
    for packed, each in [(receiver._theirs.tags(), width), (b"".join(returned), 16)]:
        values = [packed[at : at + each] for at in range(0, len(packed), each)]
        assert all(before < after for before, after in pairwise(values))


def test_tags_of_several_frames_are_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame of labels asks for them again, and a peer may send a thousand."""
    monkeypatch.setattr(tag_frames, "TAGS_A_FRAME", 4)
    tags = b"".join(number.to_bytes(2, "big") for number in range(0, 500, 50))
    reader = tag_frames.TagReader(10, 16)
    for frame in tag_frames.encode_frames(tags, 16):
        reader.take(frame)
    assert reader.complete
    assert reader.tags() == tags
    assert reader.tags() is reader.tags()


def test_every_run_blinds_anew_and_tags_stay_within_an_epoch() -> None:
    key = EpochKey.fresh()
    both = [lanes(range(8), range(8), key=key).machines() for _ in range(2)]
    first, second = (list(receiver.start()) for receiver, _ in both)
    assert not set(first) & set(second)
    for (_, sender), frames in zip(both, (first, second), strict=True):
        for frame in frames:
            list(sender.receive(frame))
        list(sender.start())
    sent = [list(sender.complete()) for _, sender in both]
    assert sent[0] == sent[1]
    other = lanes(range(8), range(8)).machines()
    open_both(*other)
    assert list(other[1].complete()) != sent[0]


@pytest.mark.usefixtures("small_frames")
def test_both_sides_keep_the_same_hashes_of_all_chunks() -> None:
    kept: dict[str, list[tuple[int, bytes, bytes]]] = {"receiver": [], "sender": []}
    made = lanes(range(12), range(3))
    made = Lanes(_keeping(made.receiver, kept["receiver"]), _keeping(made.sender, kept["sender"]))
    receiver, sender = made.machines()
    carry(receiver, sender)
    assert kept["receiver"] == kept["sender"]
    assert [number for number, _, _ in kept["sender"]] == [0, 1, 2]
    leaves = [leaf_hash(chunks.chunk_entry(blinded, answer)) for _, blinded, answer in kept["sender"]]
    assert receiver.chunk_hashes.root() == sender.chunk_hashes.root() == root_of(leaves)
    assert receiver.chunk_hashes.count == 3


def _keeping(lane: OprfLane, kept: list[tuple[int, bytes, bytes]]) -> OprfLane:
    return replace(lane, keep_chunk=lambda *chunk: kept.append(chunk))


def test_calls_out_of_order() -> None:
    receiver, sender = lanes([1], [1]).machines()
    with pytest.raises(EngineFault, match="every tag"):
        receiver.result()
    with pytest.raises(EngineFault, match="before every chunk"):
        sender.complete()
    frame = next(iter(receiver.start()))
    with pytest.raises(EngineFault, match="twice"):
        receiver.start()
    answering = sender.receive(frame)
    with pytest.raises(EngineFault, match="before the answer"):
        sender.receive(frame)
    list(receiver.receive(next(answering)))
    with pytest.raises(EngineFault, match="before every chunk"):
        sender.complete()  # its own items are not evaluated yet
    list(sender.start())
    with pytest.raises(EngineFault, match="twice"):
        sender.start()
    list(sender.complete())
    with pytest.raises(EngineFault, match="twice"):
        sender.complete()
    with pytest.raises(EngineFault, match="return value"):
        sender.result()


def test_count_is_refused_with_the_reason() -> None:
    with pytest.raises(EngineFault, match="own blind"):
        Oprf().parameters(100, 100, "count")


def test_what_is_debited_is_what_the_peer_can_test() -> None:
    parameters = Oprf().parameters(100, 5_000, "items")
    assert Oprf().evaluations(parameters, 5_000) == 5_000


@pytest.mark.parametrize("role", ["receiver", "sender"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"items": items([1, 1])}, "not distinct"),
        ({"items": [b"short", b"shorter"]}, "not 32 bytes"),
        ({"items": []}, "1 to"),
        ({"peer_size": 0}, "1 to"),
        ({"reveal": "count"}, "own blind"),
        ({"ctx": CTX[1:]}, "ctx"),
        ({"match_key": "phone"}, "another match key"),
        ({"parameters": {"chunk": 16_384}}, "parameters"),
        ({"parameters": {"chunk": 16_384, "epoch": 2, "tag_bits": 80}}, "parameters"),
        ({"key": EpochKey.fresh}, "another key"),
    ],
)
def test_a_lane_that_is_not_as_promised_gets_no_machine(
    role: str, change: dict[str, object], words: str
) -> None:
    made = lanes([1, 2], [2, 3])
    change = {name: value() if callable(value) else value for name, value in change.items()}
    engine = Oprf()
    make, lane = (engine.receiver, made.receiver) if role == "receiver" else (engine.sender, made.sender)
    wrong = replace(lane, **change)  # type: ignore[arg-type]  # the fields are right, values are not
    with pytest.raises(EngineFault, match=words):
        make(wrong)


def test_a_lane_of_another_engine_or_without_a_key_is_not_served() -> None:
    made = lanes([1], [1])
    with pytest.raises(EngineFault, match="no key"):
        Oprf().sender(made.receiver)
    plain = LaneContext("email", items([1]), 1, made.sender.parameters, "items")
    with pytest.raises(EngineFault, match="no key statement"):
        Oprf().receiver(plain)


def test_no_repr_shows_a_key_or_an_item() -> None:
    made = lanes([1], [1])
    assert made.sender.key is not None
    shown = repr(made.sender) + repr(made.sender.key)
    assert repr(made.sender.key.secret) not in shown
    assert repr(items([1])[0]) not in shown


def test_without_the_native_core_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lanes([1], [1])
    monkeypatch.setattr("psi_core.native_core.native", None)
    for make in (lambda: Oprf().receiver(made.receiver), EpochKey.fresh):
        with pytest.raises(EngineFault, match="native core"):
            make()


def test_frames_stay_below_the_bound() -> None:
    assert chunks.cut(chunks.CHUNK)[0].answer_bytes <= MAX_FRAME_BYTES
    longest = 40 + 60
    assert tag_frames.TAGS_A_FRAME * (longest + 2) <= 8 * MAX_FRAME_BYTES
    assert [chunk.count for chunk in chunks.cut(2 * chunks.CHUNK + 1)] == [chunks.CHUNK, chunks.CHUNK, 1]


def test_a_frame_that_no_return_value_can_be_in() -> None:
    receiver, sender = lanes([1], [1]).machines()
    open_both(receiver, sender)
    for _ in sender.complete():
        with pytest.raises(ProtocolFault, match="after the last blinded chunk"):
            list(sender.receive(bytes(16 * 256)))
