"""Bundles of engine `oprf`: what a run leaves for an auditor, and the lies that one check of it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from psi_core import native_core
from psi_core.engines.oprf import chunks
from psi_core.engines.oprf.bundle import (
    MAX_HEADER,
    BundleCheck,
    BundleHeader,
    CommittedLane,
    bundle_name,
    chunk_length,
    chunks_length,
    evaluated,
)
from psi_core.engines.oprf.key import EpochKey
from psi_core.errors import InvalidProof, InvalidText
from tests.oprf_lanes import CTX, carry, lanes

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

ITEMS = 11
SESSION = "0f" * 16


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 4)


def a_run() -> tuple[CommittedLane, list[bytes]]:
    """One honest run of three chunks: what record and key statement fix, and the bundle's chunks."""
    both, kept = lanes(range(ITEMS), range(5, 9)), []
    both = replace(
        both,
        receiver=replace(
            both.receiver, keep_chunk=lambda number, blinded, answer: kept.append(blinded + answer)
        ),
    )
    receiver, sender = both.machines()
    carry(receiver, sender)
    lane = CommittedLane(
        session_id=SESSION,
        lane=0,
        match_key="email",
        ctx=CTX,
        public=bytes.fromhex(both.receiver.statement.public_key),
        items=ITEMS,
        root=receiver.chunk_hashes.root(),
        count=receiver.chunk_hashes.count,
    )
    return lane, kept


def check(lane: CommittedLane, given: Sequence[bytes]) -> None:
    held = BundleCheck(lane)
    for chunk, data in zip(held.due, given, strict=False):
        held.take(chunk, data)
    held.finish()


def recorded(lane: CommittedLane, given: Sequence[bytes]) -> CommittedLane:
    """The lane of a record that both labs made of these very chunks."""
    hashes = chunks.ChunkHashes()
    for chunk, data in zip(BundleCheck(lane).due, given, strict=True):
        hashes.add(data[: chunk.blinded_bytes], data[chunk.blinded_bytes :])
    return replace(lane, root=hashes.root(), count=hashes.count)


def test_an_honest_run_is_proven_by_its_bundle() -> None:
    lane, kept = a_run()
    assert [len(each) for each in kept] == [64 + 64 * 4, 64 + 64 * 4, 64 + 64 * 3]
    check(lane, kept)
    assert lane.length == len(lane.header.text()) + sum(map(len, kept))


def test_another_key_in_one_chunk_is_found_though_both_labs_recorded_it() -> None:
    lane, kept = a_run()
    chunk = BundleCheck(lane).due[1]
    blinded = kept[1][: chunk.blinded_bytes]
    answer = native_core.native.oprf_answer(EpochKey.fresh().secret, blinded, chunk.binding(CTX))
    kept[1] = blinded + answer
    with pytest.raises(InvalidProof, match=r"^chunk 1 of 3 was not answered under the committed key"):
        check(recorded(lane, kept), kept)


def test_swapped_chunks_are_found() -> None:
    lane, kept = a_run()
    kept[0], kept[1] = kept[1], kept[0]
    with pytest.raises(InvalidProof, match=r"not the bundle of this record.*chunk 0, 1 of 3"):
        check(lane, kept)
    with pytest.raises(InvalidProof, match="chunk 0, 1 of 3 was not answered under the committed key"):
        check(recorded(lane, kept), kept)


def test_a_missing_chunk_is_found() -> None:
    lane, kept = a_run()
    with pytest.raises(InvalidProof, match="not the bundle of this record"):
        check(lane, kept[:-1])
    with pytest.raises(InvalidProof, match="chunk 2 has 0 bytes"):
        check(lane, [*kept[:-1], b""])


@pytest.mark.parametrize("at", [0, 4 * 32 - 1, 4 * 32, 4 * 32 + 63, 4 * 32 + 64, 4 * 64 + 63])
def test_every_part_of_a_chunk_is_held(at: int) -> None:
    """Blinded elements, both halves of the proof, evaluated elements."""
    lane, kept = a_run()
    changed = bytearray(kept[1])
    changed[at] ^= 1
    kept[1] = bytes(changed)
    with pytest.raises(InvalidProof, match=r"not the bundle of this record.*chunk 1 of 3 does not hold"):
        check(lane, kept)


def test_a_bundle_of_another_session_is_not_taken() -> None:
    lane, kept = a_run()
    with pytest.raises(InvalidProof, match="was not answered under the committed key"):
        check(replace(lane, ctx=bytes(32)), kept)


def test_sizes_follow_from_the_terms_alone() -> None:
    assert evaluated("both", {}, initiator=64, responder=128) == 64
    assert evaluated("initiator", {}, initiator=64, responder=128) == 64
    assert evaluated("responder", {}, initiator=64, responder=128) == 128
    assert evaluated("both", {"new": 7}, initiator=64, responder=128) == 7
    assert chunks_length(2**30) == 64 * 2**30 + 64 * 2**28
    assert chunks_length(ITEMS) == sum(map(chunk_length, chunks.cut(ITEMS))) == 3 * 64 + 64 * ITEMS


def test_a_header_is_small_and_strict() -> None:
    header = BundleHeader(session_id=SESSION, lane=15, match_key="a" * 40 + "+" + "b" * 40, items=2**30)
    assert len(header.text()) <= MAX_HEADER
    assert header.file_name == bundle_name(SESSION, 15) == f"{SESSION}-15.bundle"
    with pytest.raises(InvalidText):
        BundleHeader.from_text(header.text().replace('"lane":15', '"lane":16'))
