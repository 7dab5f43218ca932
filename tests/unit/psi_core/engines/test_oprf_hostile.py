"""What a hostile peer may send to either machine: always a ProtocolFault, never a result."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from psi_core.engines.oprf import chunks, return_frames
from psi_core.engines.oprf.key import EpochKey
from psi_core.errors import ProtocolFault
from tests.oprf_lanes import lanes, open_both

psi_native = pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

Spoil = Callable[[bytes], bytes]


def flip(place: int) -> Spoil:
    def spoil(frame: bytes) -> bytes:
        changed = bytearray(frame)
        changed[place] ^= 1
        return bytes(changed)

    return spoil


SPOILED: list[tuple[str, Spoil]] = [
    ("empty", lambda frame: b""),
    ("short", lambda frame: frame[:-32]),
    ("cut", lambda frame: frame[:-1]),
    ("long", lambda frame: frame + frame[-32:]),
]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 4)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *SPOILED,
        ("identity", lambda frame: bytes(32) + frame[32:]),
        ("not canonical", lambda frame: b"\xff" * 32 + frame[32:]),
    ],
)
def test_blinded_chunks(name: str, spoil: Spoil) -> None:
    receiver, sender = lanes(range(8), range(8)).machines()
    with pytest.raises(ProtocolFault, match="chunk 0"):
        list(sender.receive(spoil(next(receiver.start()))))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *SPOILED,
        *[(f"byte {place}", flip(place)) for place in (0, 31, 32, 63, 64, 95, 100, -1)],
        ("identity", lambda frame: frame[:64] + bytes(32) + frame[96:]),
        ("swapped", lambda frame: frame[:64] + frame[96:128] + frame[64:96] + frame[128:]),
        ("proof of nothing", lambda frame: bytes(64) + frame[64:]),
    ],
)
def test_answers(name: str, spoil: Spoil) -> None:
    receiver, sender = lanes(range(8), range(8)).machines()
    answer = next(sender.receive(next(receiver.start())))
    with pytest.raises(ProtocolFault, match="chunk 0"):
        list(receiver.receive(spoil(answer)))
    assert not receiver.opened
    assert not receiver._tags


def test_an_answer_of_another_chunk_session_or_key() -> None:
    key = EpochKey.fresh()
    receiver, sender = lanes(range(8), range(8), key=key).machines()
    first, second = receiver.start()
    answers = [next(sender.receive(first)), next(sender.receive(second))]
    public = psi_native.oprf_public_key(key.secret)
    for answer, blinded in zip(answers, (first, second), strict=True):
        # The chunk's own number and total are bound: the same answer proves nothing in another place.
        for number, total in [(0, 1), (1, 2), (0, 3), (1, 3)]:
            binding = chunks.Chunk(number, total, 0, 4).binding(receiver._lane.ctx)
            if (blinded, number, total) != (second, 1, 2):
                with pytest.raises(ValueError, match="proof"):
                    psi_native.oprf_check_answer(public, blinded, answer, binding)
    by_another_key = psi_native.oprf_answer(
        EpochKey.fresh().secret, first, chunks.Chunk(0, 2, 0, 4).binding(receiver._lane.ctx)
    )
    with pytest.raises(ProtocolFault, match="proof"):
        list(receiver.receive(by_another_key))


def test_frames_too_early_and_too_many() -> None:
    receiver, sender = lanes(range(4), range(4)).machines()
    with pytest.raises(ProtocolFault, match="before its chunk"):
        receiver.receive(bytes(96))
    receiver, sender = lanes(range(4), range(4)).machines()
    open_both(receiver, sender)
    with pytest.raises(ProtocolFault, match="after the last blinded chunk"):
        list(sender.receive(bytes(128)))
    frames = list(sender.complete())
    for frame in frames:
        list(receiver.receive(frame))
    with pytest.raises(ProtocolFault, match="after the last tag"):
        list(receiver.receive(frames[0]))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("empty", lambda frame: b""),
        ("cut", lambda frame: frame[:-1]),
        ("long", lambda frame: frame + b"\0"),
        ("all ones", lambda frame: b"\xff" * (1 << 20)),
        ("all zeros", lambda frame: bytes(1 << 20)),
    ],
)
def test_tags(name: str, spoil: Spoil) -> None:
    receiver, sender = lanes(range(8), range(8)).machines()
    open_both(receiver, sender)
    (frame,) = sender.complete()
    with pytest.raises(ProtocolFault, match="tags"):
        list(receiver.receive(spoil(frame)))
    assert not receiver.done


def test_made_up_tags_match_nothing_and_made_up_return_values_neither() -> None:
    receiver, sender = lanes(range(8), range(8), returns=True).machines()
    open_both(receiver, sender)
    list(sender.complete())
    bits = receiver._bits
    width = -(-bits // 8)
    made_up = b"".join((place << (bits - 3)).to_bytes(width, "big") for place in range(8))
    frames = list(receiver.receive(psi_native.oprf_encode_tags(made_up, b"", bits, 8)))
    assert receiver.result().count == 0
    for frame in frames:
        list(sender.receive(frame))
    assert sender.result().count == 0


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (bytes(17), "17 bytes"),
        (bytes(16 * 255), "whole bucket"),
        (b"", "whole bucket"),
        (bytes(16 * 512), "more than 256"),
    ],
)
def test_return_values(frame: bytes, words: str) -> None:
    with pytest.raises(ProtocolFault, match=words):
        return_frames.ReturnReader(8).take(frame)


def test_return_values_that_are_not_sorted_or_one_too_many() -> None:
    reader = return_frames.ReturnReader(8)
    reader.take(bytes(16 * 254) + b"\2" * 16 + b"\1" * 16)
    with pytest.raises(ProtocolFault, match="sorted"):
        reader.values()
    with pytest.raises(ProtocolFault, match="after the last"):
        reader.take(b"")
