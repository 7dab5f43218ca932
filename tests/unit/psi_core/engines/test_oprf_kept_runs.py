"""A run of `oprf` that breaks off after any chunk goes on with fresh machines: same bytes and result, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.engines.oprf import chunks
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.sender import OprfSender
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.session.transcript import Transcript
from tests.oprf_lanes import Lanes, lanes

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

CHUNK = 8
RECEIVES, SENDS = range(45), range(30, 60)
CHUNKS = 6
"""Of 45 items by 8."""


@pytest.fixture(autouse=True, scope="module")
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", CHUNK)
        yield


@dataclass
class Kept:
    """One side's disk."""

    seed: bytes = bytes(range(32))
    chunks: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    own_outputs: list[bytes] = field(default_factory=list)
    written: Counter[tuple[str, int]] = field(default_factory=Counter)

    def chunk(self, number: int, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        self.written["chunk", number] += 1
        assert number == len(self.chunks)
        self.chunks.append((blinded, answer, outputs))

    def own(self, number: int, outputs: bytes) -> None:
        self.written["own", number] += 1
        assert number == len(self.own_outputs)
        self.own_outputs.append(outputs)

    def answered(self, number: int) -> tuple[bytes, bytes] | None:
        return self.chunks[number][:2] if number < len(self.chunks) else None


@dataclass
class Run:
    """Machines of both sides, their disks, and the receiver's transcripts."""

    lanes: Lanes
    receives: Kept = field(default_factory=Kept)
    sends: Kept = field(default_factory=Kept)
    evaluated: Counter[bytes] = field(default_factory=Counter)
    sent: Transcript = field(default_factory=Transcript)
    received: Transcript = field(default_factory=Transcript)

    def fresh(self) -> tuple[OprfReceiver, OprfSender]:
        """Machines that know what lies on both disks."""
        receiver: Any = Oprf().receiver(replace(self.lanes.receiver, kept=self.receives, caches=True))
        sender: Any = Oprf().sender(replace(self.lanes.sender, kept=self.sends, caches=True))
        self.sent, self.received = Transcript(), Transcript()
        for blinded, answer, outputs in self.receives.chunks:
            receiver.recall(blinded, answer, outputs)
            self.sent.add(0, 0, blinded)
            self.received.add(0, 0, answer)
        for blinded, answer, _ in self.sends.chunks[: len(self.receives.chunks)]:
            sender.recall(blinded, answer, b"")
        for outputs in self.sends.own_outputs:
            sender.recall_own(outputs)
        return receiver, sender

    def go(self, *, answered: int = CHUNKS, proven: int = CHUNKS) -> tuple[OprfReceiver, OprfSender]:
        """Until the sender has answered, and the receiver has proven, so many chunks of the session in all."""
        receiver, sender = self.fresh()
        assert not list(sender.start())
        for number, frame in enumerate(receiver.start(), len(self.receives.chunks)):
            if number >= answered:
                return receiver, sender
            (answer,) = sender.receive(frame)
            if number >= proven:
                continue
            assert not list(receiver.receive(answer))
            self.sent.add(0, 0, frame)
            self.received.add(0, 0, answer)
        return receiver, sender


def outcome(receiver: OprfReceiver, sender: OprfSender) -> tuple[object, ...]:
    for frame in sender.complete():
        for back in receiver.receive(frame):
            assert not list(sender.receive(back))
    left = receiver.left().name
    assert left == sender.left().name
    learned = receiver.result(), sender.result() if sender.learns else None
    return (*(each and tuple(each.positions or ()) for each in learned), left.number)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls of the native core that cost group operations."""
    found: Counter[str] = Counter()
    for name in ("oprf_answer", "oprf_evaluate", "oprf_blind"):
        real = getattr(native_core.native, name)

        def call(*values: Any, name: str = name, real: Any = real) -> Any:
            found[name] += 1
            return real(*values)

        monkeypatch.setattr(native_core.native, name, call)
    return found


@pytest.mark.parametrize("returns", [False, True])
@pytest.mark.parametrize("proven", range(CHUNKS + 1))
@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_a_run_that_broke_off_anywhere_comes_out_the_same_and_computes_nothing_twice(
    counted: Counter[str], proven: int, ahead: int, returns: bool
) -> None:
    run = Run(lanes(RECEIVES, SENDS, returns=returns))
    run.go(answered=min(CHUNKS, proven + ahead), proven=proven)
    before = list(run.sends.chunks)
    receiver, sender = run.go()
    assert receiver.opened
    assert sender.opened
    assert run.sends.chunks[: len(before)] == before, "the same bytes again"
    assert counted["oprf_answer"] == CHUNKS
    assert counted["oprf_evaluate"] == 4
    assert set(run.sends.written.values()) | set(run.receives.written.values()) == {1}
    whole = Run(run.lanes, sends=Kept(chunks=run.sends.chunks))
    whole_receiver, whole_sender = whole.go()
    assert (run.sent.value(), run.received.value()) == (whole.sent.value(), whole.received.value())
    assert receiver.chunk_hashes.root() == sender.chunk_hashes.root() == whole_sender.chunk_hashes.root()
    assert outcome(receiver, sender) == outcome(whole_receiver, whole_sender)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, CHUNKS), st.integers(0, 3)), max_size=6))
def test_a_run_may_break_off_often(breaks: list[tuple[int, int]]) -> None:
    run = Run(lanes(RECEIVES, SENDS))
    for further, ahead in breaks:
        proven = min(CHUNKS, len(run.receives.chunks) + further)
        run.go(answered=min(CHUNKS, proven + ahead), proven=proven)
    found = outcome(*run.go())
    assert found[0] == tuple(range(30, 45))
    assert set(run.sends.written.values()) | set(run.receives.written.values()) == {1}


def test_other_bytes_for_an_answered_chunk_are_refused() -> None:
    run = Run(lanes(RECEIVES, SENDS))
    run.go(answered=3, proven=1)
    run.receives.seed = bytes(32)
    with pytest.raises(ProtocolFault, match="blinded chunk 1 has other bytes"):
        run.go()
    assert run.sends.written["chunk", 1] == 1


def test_what_is_recalled_must_be_whole_and_in_time() -> None:
    run = Run(lanes(RECEIVES, SENDS))
    run.go(answered=2, proven=2)
    blinded, answer, outputs = run.receives.chunks[0]
    receiver, sender = Run(run.lanes).fresh()
    for wrong in ((blinded[1:], answer, outputs), (blinded, answer, outputs[1:])):
        with pytest.raises(EngineFault, match="no whole chunk"):
            receiver.recall(*wrong)
    with pytest.raises(EngineFault, match="no whole chunk"):
        sender.recall(blinded, answer, outputs)
    with pytest.raises(EngineFault, match="none of this run"):
        sender.recall_own(outputs[1:])
    list(receiver.start())
    list(sender.start())
    for late in (
        lambda: receiver.recall(*run.receives.chunks[0]),
        lambda: sender.recall(blinded, answer, b""),
    ):
        with pytest.raises(EngineFault, match="too late"):
            late()
    with pytest.raises(EngineFault, match="too late"):
        sender.recall_own(run.sends.own_outputs[0])
