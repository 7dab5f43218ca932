"""Each peer is a witness of the other: proofs checked, cosignatures persisted before they leave, forks kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from psi_core.errors import (
    InvalidCheckpoint,
    InvalidProof,
    InvalidSignature,
    NodeRefusing,
    ProtocolFault,
    VerificationError,
)
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.wire import session_pb2
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.log.cosigned import newest_cosigned
from psi_service.sessions import checkpoints
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.surroundings import Limits
from tests.two_labs import LAB_A, LAB_B, Lab, SetClock, agreement_between, run, two_labs


@dataclass
class Pair:
    a: Lab
    b: Lab

    def of(self, lab: Lab) -> Checkpoints:
        keys = lab.keys
        return Checkpoints(
            Desk(lab.name, lab.store, lab.log, keys.document, keys.cosigner, lab.clock, keys.data_key)
        )

    async def exchange(self, log: Lab, witness: Lab) -> session_pb2.Checkpoint:
        """One exchange; returns the witness's answer, which the log has taken."""
        given = await self.of(log).for_witness(witness.name)
        answer = await self.of(witness).witness(log.card, given, log_it=False)
        await self.of(log).cosigned_by(witness.card, answer)
        return answer


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    a, b, _ = await two_labs(tmp_path)
    grow(a, 5)
    yield Pair(a, b)
    await a.stop()
    await b.stop()


def grow(lab: Lab, count: int) -> None:
    lab.store.transaction_now(
        lambda db: [lab.log.append(db, EntryKind.ADMIN, {"number": number}) for number in range(count)]
    )


def latest(lab: Lab) -> list[tuple[str, int]]:
    return [(row["origin"], row["size"]) for row in lab.table("witnessed_logs")]


async def test_a_session_leaves_both_logs_cosigned(tmp_path: Path) -> None:
    a, b, terms = await two_labs(tmp_path)
    for _ in range(2):
        assert (await run(a, b, terms)).state == "complete"
    for own, witness in ((a, b), (b, a)):
        rows = own.table("cosigned_checkpoints")
        assert [row["witness"] for row in rows] == [witness.name] * 2
        note = Note.parse(rows[-1]["note"])
        keys = (own.card.log_verifier, witness.card.cosigner_verifier)
        assert note.verified_by(*keys) == keys
        assert latest(witness) == [(own.log.origin, rows[-1]["size"])]
        assert [each["note"] for each in witness.table("witnessed_logs")] == [rows[-1]["note"]]
        assert own.table("log_witnesses") == [{"witness": witness.name, "size": rows[-1]["size"]}]
        # What the peer signed is in the witness's own log, whole.
        held = [each.body["note"] for each in witness.entries(EntryKind.CHECKPOINT)]
        assert [Note.parse(each.encode()).text for each in held][-1] == note.text
    await a.stop()
    await b.stop()


async def test_the_proof_starts_where_the_witness_stands(pair: Pair) -> None:
    first = await pair.of(pair.a).for_witness(pair.b.name)
    assert (first.proof_from, list(first.consistency_proof)) == (0, [])
    assert (await pair.exchange(pair.a, pair.b)).proof_from == 5
    grow(pair.a, 6)
    second = await pair.of(pair.a).for_witness(pair.b.name)
    assert second.proof_from == 5
    assert second.consistency_proof
    assert (await pair.exchange(pair.a, pair.b)).proof_from == 11
    assert not await pair.of(pair.a).due(pair.b.name)
    grow(pair.a, 1)
    assert await pair.of(pair.a).due(pair.b.name)


async def test_the_time_of_a_cosignature_is_the_witness_clock(pair: Pair) -> None:
    pair.b.clock.forward(days=3)
    answer = await pair.exchange(pair.a, pair.b)
    value = Note.parse(answer.cosigned).signatures[-1].value
    assert int.from_bytes(value[:8], "big") == int(pair.b.clock().timestamp())


async def test_an_answer_that_was_lost_is_made_up_for(pair: Pair) -> None:
    given = await pair.of(pair.a).for_witness(pair.b.name)
    await pair.of(pair.b).witness(pair.a.card, given, log_it=False)
    grow(pair.a, 4)
    # lab-a does not know that 5 entries are cosigned: its proof starts at 0, and the answer tells it.
    answer = await pair.exchange(pair.a, pair.b)
    assert answer.proof_from == 5
    assert (await pair.exchange(pair.a, pair.b)).proof_from == 9
    assert [row["size"] for row in pair.a.table("cosigned_checkpoints")] == [5, 9]


async def test_a_witness_that_lost_its_memory_starts_again(pair: Pair) -> None:
    await pair.exchange(pair.a, pair.b)
    pair.b.store.transaction_now(lambda db: db.execute("DELETE FROM witnessed_logs"))
    grow(pair.a, 4)
    assert (await pair.exchange(pair.a, pair.b)).cosigned == b""
    assert (await pair.exchange(pair.a, pair.b)).proof_from == 9


async def test_a_checkpoint_without_proof_is_kept_and_not_cosigned(pair: Pair) -> None:
    """What a peer of a version without proofs sends."""
    await pair.exchange(pair.a, pair.b)
    grow(pair.a, 4)
    bare = session_pb2.Checkpoint(note=await pair.of(pair.a).own())
    answer = await pair.of(pair.b).witness(pair.a.card, bare, log_it=True)
    assert answer.proof_from == 5
    assert latest(pair.b) == [(pair.a.log.origin, 5)]
    assert [row["size"] for row in pair.b.table("peer_checkpoints")] == [5, 9]
    assert len(pair.b.entries(EntryKind.CHECKPOINT)) == 1


def forked(lab: Lab, size: int) -> session_pb2.Checkpoint:
    """A checkpoint of another log that `lab` signs, with the proof from 5 that this log would have."""
    leaves = [tree.leaf_hash(b"%d" % number) for number in range(size)]

    def read(level: int, position: int) -> bytes:
        return tree.root_of(leaves[position << level : (position + 1) << level])

    note = Checkpoint(lab.log.origin, size, tree.root_of(leaves)).signed(lab.keys.log)
    proof = tree.consistency_proof(5, size, read)
    return session_pb2.Checkpoint(note=note, proof_from=5, consistency_proof=proof)


async def test_a_fork_is_refused_and_kept_as_evidence(pair: Pair) -> None:
    await pair.exchange(pair.a, pair.b)
    fork = forked(pair.a, 12)
    with pytest.raises(InvalidProof):
        await pair.of(pair.b).witness(pair.a.card, fork, log_it=True)
    assert latest(pair.b) == [(pair.a.log.origin, 5)]
    assert bytes(pair.b.table("peer_checkpoints")[-1]["note"]) == fork.note
    assert pair.b.entries(EntryKind.CHECKPOINT)[-1].body["note"].encode() == fork.note
    with pytest.raises(InvalidCheckpoint, match="two different logs of 5 entries"):
        await pair.of(pair.b).witness(pair.a.card, forked(pair.a, 5), log_it=False)


async def test_only_the_peers_log_key_counts(pair: Pair) -> None:
    given = await pair.of(pair.a).for_witness(pair.b.name)
    with pytest.raises(VerificationError):
        await pair.of(pair.b).witness(pair.b.card, given, log_it=False)
    assert latest(pair.b) == []


async def test_oversized_frames_are_refused(pair: Pair) -> None:
    for given in (
        session_pb2.Checkpoint(note=bytes(9000)),
        session_pb2.Checkpoint(note=b"x", consistency_proof=[bytes(32)] * 65),
        session_pb2.Checkpoint(note=b"x", consistency_proof=[bytes(31)]),
        session_pb2.Checkpoint(),
    ):
        with pytest.raises(ProtocolFault):
            await pair.of(pair.b).witness(pair.a.card, given, log_it=False)


async def test_a_refusing_node_cosigns_nothing(pair: Pair) -> None:
    given = await pair.of(pair.a).for_witness(pair.b.name)
    pair.b.log.refusal = "set back"
    with pytest.raises(NodeRefusing):
        await pair.of(pair.b).witness(pair.a.card, given, log_it=False)
    assert latest(pair.b) == []


async def test_an_answer_by_another_cosigner_is_refused(pair: Pair) -> None:
    own = await pair.of(pair.a).own()
    text = Note.parse(own).text
    stranger = Signer.generate(pair.b.name, COSIGNATURE)
    signed = Note.parse(own).with_signature(stranger.cosign(text, 1)).render()
    for note in (signed, own):
        with pytest.raises(InvalidSignature):
            await pair.of(pair.a).cosigned_by(
                pair.b.card, session_pb2.Checkpoint(note=own, cosigned=note, proof_from=5)
            )
    assert pair.a.table("cosigned_checkpoints") == []


async def test_a_witness_of_another_log_of_ours_makes_the_node_refuse(pair: Pair) -> None:
    """The database was put back: the witness has cosigned what this log does not extend."""
    fork = Note.parse(forked(pair.a, 12).note)
    cosigned = fork.with_signature(pair.b.keys.cosigner.cosign(fork.text, 1)).render()
    answer = session_pb2.Checkpoint(note=fork.render(), cosigned=cosigned, proof_from=12)
    with pytest.raises(InvalidCheckpoint):
        await pair.of(pair.a).cosigned_by(pair.b.card, answer)
    assert "set back" in str(pair.a.log.refusal)


async def test_a_peer_that_answers_no_cosignature_is_told_in_the_journal_only(tmp_path: Path) -> None:
    clock, terms = SetClock(), agreement_between()
    labs = [Lab(name, tmp_path / name, clock, limits=Limits(idle_seconds=3)) for name in (LAB_A, LAB_B)]
    a, b = [await lab.up() for lab in labs]
    a.peers[b.name], b.peers[a.name] = b, a
    for lab in (a, b):
        lab.agree(terms)

    def old_version(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") != "checkpoint":
            return [frame]
        if frame.checkpoint.cosigned:
            return []
        return [SessionFrame(checkpoint=session_pb2.Checkpoint(note=frame.checkpoint.note))]

    b.tamper = old_version
    assert (await run(a, b, terms)).state == "complete"
    assert a.table("cosigned_checkpoints") == []
    assert len(b.table("cosigned_checkpoints")) == 1  # the first one needed no proof
    for lab in (a, b):
        await lab.stop()


async def test_the_export_carries_the_newest_cosigned_checkpoint(pair: Pair, tmp_path: Path) -> None:
    from psi_service.log.export import export_log

    await pair.exchange(pair.a, pair.b)
    await export_log(pair.a.store, pair.a.log, tmp_path / "same")
    newest = await pair.a.store.query(newest_cosigned)
    assert (tmp_path / "same/checkpoint").read_bytes() == newest
    assert not (tmp_path / "same/cosigned").exists()
    grow(pair.a, 1)
    await export_log(pair.a.store, pair.a.log, tmp_path / "later")
    assert (tmp_path / "later/cosigned").read_bytes() == newest
    assert Checkpoint.open((tmp_path / "later/checkpoint").read_bytes(), pair.a.card.log_verifier).size == 6


async def test_the_newest_checkpoints_of_a_log_are_kept_and_no_more(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "KEPT", 3)
    keeper, notes = pair.of(pair.b), []
    for _ in range(5):
        grow(pair.a, 1)
        notes.append(await pair.a.log.checkpoint())
        await keeper.keep(pair.a.card, notes[-1])
    assert await keeper.of_peer(LAB_A, "lab-a.example/psi-log") == notes[-3:]
    assert len(pair.b.table("peer_checkpoints")) == 3
    await keeper.keep(pair.a.card, notes[0])
    assert await keeper.of_peer(LAB_A, "lab-a.example/psi-log") == notes[-3:], (
        "a late one does not push a newer one out"
    )
