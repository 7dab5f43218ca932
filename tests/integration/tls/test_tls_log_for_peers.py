"""What two pinned nodes do with each other's logs over gRPC: cosign on a timer, read hashes, proofs, own entries."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from psi_core.errors import PeerError, ProtocolFault
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.note import Note
from psi_core.log.tiles import decode_tile
from psi_core.wire import peers_pb2, session_pb2
from psi_service.rounds.witness_rounds import WitnessRounds

OTHERS = "lab-c.example"


def grow(node, *peers):
    node.store.transaction_now(
        lambda db: [
            node.log.append(db, EntryKind.ADMIN, {"at": at}, peer=peer) for at, peer in enumerate(peers)
        ]
    )


def rounds(node, seconds=3600.0):
    return WitnessRounds(node.witness, node.directory.list, node.delivery.client, seconds)


def cosigned(node):
    return node.store.query_now(lambda db: list(db["cosigned_checkpoints"].rows))


async def test_a_round_lets_every_peer_cosign_what_is_new(pair):
    a, b = pair
    await rounds(a).ask_all()
    (first,) = cosigned(a)
    assert (first["witness"], first["size"]) == (b.lab, a.log.size)
    await rounds(a).ask_all()
    assert len(cosigned(a)) == 1
    grow(a, b.lab, None)
    await rounds(a).ask_all()
    second = cosigned(a)[-1]
    assert second["size"] == a.log.size
    assert Note.parse(second["note"]).verified_by(b.card.cosigner_verifier) == (b.card.cosigner_verifier,)
    assert b.log.size == 1  # cosigning logs nothing, so that two labs' timers do not wake each other for ever


async def test_a_round_after_a_lost_answer_asks_twice(pair):
    a, b = pair
    async with a.client(b) as client:
        await client.cosign(await a.witness.for_witness(b.lab))
    grow(a, None)
    await rounds(a).ask_all()
    assert [row["size"] for row in cosigned(a)] == [1, 2]


async def test_the_timer_goes_on_when_a_peer_is_away(pair):
    a, b = pair
    await b.server.stop(1)
    task = asyncio.create_task(rounds(a, 0.01).run())
    await asyncio.sleep(0.3)
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert cosigned(a) == []


async def test_a_forged_checkpoint_is_refused_over_the_wire(pair):
    a, b = pair
    forged = Checkpoint(a.log.origin, 9, bytes(32)).signed(b.keys.log.__class__.generate(a.log.origin))
    async with a.client(b) as client:
        with pytest.raises(PeerError, match="invalid-signature"):
            await client.cosign(session_pb2.Checkpoint(note=forged))
        with pytest.raises(PeerError, match="protocol-fault"):
            await client.cosign(session_pb2.Checkpoint(note=bytes(9000)))


async def test_a_peer_reads_hashes_proofs_and_the_entries_of_its_pair(pair):
    a, b = pair
    grow(b, a.lab, OTHERS, None, a.lab, a.lab)
    async with a.client(b) as client:
        head = Checkpoint.open((await client.read_log(file="checkpoint")).file, b.card.log_verifier)
        assert head.size == b.log.size
        leaves = decode_tile((await client.read_log(file=f"tile/0/000.p/{head.size}")).file, head.size)
        assert tree.root_of(leaves) == head.root
        proof = (await client.read_log(consistency=(2, head.size))).proof
        tree.verify_consistency(2, head.size, tree.root_of(leaves[:2]), head.root, proof)
        reply = await client.read_log(entries_from=0)
        assert reply.next == head.size
        entries = {each.position: Entry.decode(each.data) for each in reply.entries}
        assert {entry.peer for entry in entries.values()} == {a.lab}
        assert len(entries) == 4  # the card's entry and three more
        for each in reply.entries:
            shown = await client.read_log(inclusion=each.position)
            assert Checkpoint.open(shown.file, b.card.log_verifier) == head
            tree.verify_inclusion(each.position, head.size, tree.leaf_hash(each.data), shown.proof, head.root)
        assert [each.position for each in (await client.read_log(entries_from=3)).entries] == [4, 5]


async def test_another_pairs_entries_stay_hidden(pair):
    a, b = pair
    grow(b, OTHERS, None)
    hidden = [1, 2]
    async with a.client(b) as client:
        for position in (*hidden, 3, 2**63):
            with pytest.raises(PeerError, match="not-found"):
                await client.read_log(inclusion=position)
        for path in ("tile/entries/000.p/3", "tile/0/000", "tile/0/000.p/4", "x" * 100, "../node.db", ""):
            with pytest.raises(PeerError, match="not-found"):
                await client.read_log(file=path)
        with pytest.raises(PeerError, match="protocol-fault"):
            await client.read_log(file="x" * 101)
        for old, new in ((2, 1), (0, 4), (2**63, 2**64 - 1)):
            with pytest.raises(PeerError, match="not-found"):
                await client.read_log(consistency=(old, new))
        with pytest.raises(PeerError, match="not-found"):
            await client.read_log()


async def test_many_entries_come_in_parts(pair):
    a, b = pair
    grow(b, *[a.lab] * 600)
    seen, start = [], 0
    async with a.client(b) as client:
        while start < b.log.size:
            reply = await client.read_log(entries_from=start)
            seen += [each.position for each in reply.entries]
            start = reply.next
    assert seen == list(range(601))


@pytest.mark.parametrize(
    "reply",
    [
        peers_pb2.ReadLogReply(file=bytes(70_000)),
        peers_pb2.ReadLogReply(proof=[bytes(32)] * 65),
        peers_pb2.ReadLogReply(proof=[bytes(31)]),
        peers_pb2.ReadLogReply(entries=[peers_pb2.LogEntry(position=4, data=b"x")] * 2, next=9),
        peers_pb2.ReadLogReply(entries=[peers_pb2.LogEntry(position=4, data=b"x")], next=4),
        peers_pb2.ReadLogReply(entries=[peers_pb2.LogEntry(position=4, data=bytes(70_000))], next=5),
        peers_pb2.ReadLogReply(entries=[peers_pb2.LogEntry(position=each) for each in range(257)], next=999),
    ],
)
def test_replies_out_of_bounds(reply):
    from psi_client.wire_bounds import check_log_reply

    with pytest.raises(ProtocolFault):
        check_log_reply(reply)
