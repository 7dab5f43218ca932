"""Where the end of the own log may be found: at the peers, who keep it for this lab, and in exports of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from psi_client.audit.folder import LogFolder
from psi_core.errors import InputError, ProtocolFault, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Verifier
from psi_core.log.tiles import TILE_WIDTH, decode_tile
from psi_core.log.tree import HASH_LENGTH, leaf_hash
from psi_core.log.withheld import WITHHELD
from psi_core.wire.peers_pb2 import OwnLogReply
from psi_core.wire.session_pb2 import Checkpoint as SentCheckpoint
from psi_service.log.mirror import MAX_KEPT, MAX_WEIGHT
from psi_service.recovery.tail import Known, Tail


class KeepsLog(Protocol):
    """An open connection to a peer, as far as this needs it."""

    async def own_checkpoints(self) -> tuple[SentCheckpoint, ...]:
        """The checkpoints of this lab's log that the peer keeps."""
        ...

    async def own_log(
        self, origin: str, *, leaves_from: int | None = None, entries_from: int | None = None
    ) -> OwnLogReply:
        """What the peer keeps of this lab's own log."""
        ...


async def known_to(lab: str, peer: KeepsLog, own: Verifier) -> list[Known]:
    """Heads of the own log that the peer keeps. Those that the own key did not sign prove nothing."""
    found = []
    for each in await peer.own_checkpoints():
        try:
            found.append(Known(lab, Checkpoint.open(each.note, own)))
        except (VerificationError, InputError):
            continue
    return found


async def kept_by(lab: str, peer: KeepsLog, own: Verifier, start: int) -> Tail | None:
    """What the peer keeps of the own log beyond `start`; None when it keeps no more.

    Raises PeerError; VerificationError when it shows a checkpoint that the own key did not sign.
    """
    reply = await peer.own_log(own.name, leaves_from=start)
    if not reply.checkpoint:
        return None
    note = reply.checkpoint
    head = Checkpoint.open(note, own)
    if head.size <= start:
        return None
    if head.size > MAX_KEPT:
        raise ProtocolFault(f"{lab} claims to keep more of this log than any peer does")
    leaves = bytearray()
    while True:
        leaves += reply.leaves
        have = start + len(leaves) // HASH_LENGTH
        if reply.checkpoint != note or not reply.leaves or have > head.size:
            raise ProtocolFault(f"what {lab} keeps of this log changed while it was read: try again")
        if have == head.size:
            break
        reply = await peer.own_log(own.name, leaves_from=have)
    hashes = [bytes(leaves[at : at + HASH_LENGTH]) for at in range(0, len(leaves), HASH_LENGTH)]
    return Tail(lab, head, note, start, hashes, await _entries(lab, peer, own.name, start, head.size))


async def _entries(lab: str, peer: KeepsLog, origin: str, start: int, size: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position, weight = start, 0
    while position < size:
        reply = await peer.own_log(origin, entries_from=position)
        weight += sum(len(each.data) for each in reply.entries)
        if reply.next <= position or weight > MAX_WEIGHT:
            raise ProtocolFault(f"what {lab} keeps of this log does not go on where it says that it does")
        found |= {each.position: each.data for each in reply.entries if start <= each.position < size}
        position = reply.next
    return found


def exported(folder: Path, own: Verifier, start: int) -> Tail | None:
    """What an export of the own log has beyond `start`; None when it has no more.

    Raises NotFound, InvalidText for what is no export; VerificationError when the own key did not sign it.
    """
    export = LogFolder(folder)
    note = export.checkpoint()
    head = Checkpoint.open(note, own)
    if head.size <= start:
        return None
    leaves: list[bytes] = []
    entries: dict[int, bytes] = {}
    for first in range(start // TILE_WIDTH * TILE_WIDTH, head.size, TILE_WIDTH):
        width = min(TILE_WIDTH, head.size - first)
        hashes = decode_tile(export.tile(0, first // TILE_WIDTH, width), width)
        for number, data in enumerate(export.bundle(first // TILE_WIDTH, width)):
            if first + number >= start and data != WITHHELD and leaf_hash(data) == hashes[number]:
                entries[first + number] = data
        leaves += hashes[max(0, start - first) :]
    return Tail(f"the export {folder}", head, note, start, leaves, entries)
