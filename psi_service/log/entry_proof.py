"""One entry of the log as a file that proves itself offline (c2sp.org/tlog-proof)."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.errors import NotFound
from psi_core.log.proof import TlogProof
from psi_core.log.tree import inclusion_proof
from psi_core.log.withheld import WITHHELD
from psi_service.log.cosigned import cosigned_checkpoint, size_of
from psi_service.log.node_log import NodeLog
from psi_service.log.stored_tree import node_reader, read_entry
from psi_service.store.database import Store


async def entry_proof(store: Store, log: NodeLog, position: int) -> bytes:
    """The proof of entry `position` under a checkpoint of the present log, as a `.tlog-proof` file's bytes.

    `extra` holds the entry itself: its hash is what is proven. Cosignatures of this very size go along.
    Raises NotFound for an entry that there is not, NodeRefusing.
    """
    note = await cosigned_checkpoint(store, log)
    size = size_of(note)
    if position >= size:
        raise NotFound(f"the log has {size} entries; the last is {size - 1}")

    def work(db: Database) -> bytes:
        entry = read_entry(db, position)
        if entry == WITHHELD:
            raise NotFound(
                f"of entry {position} this log has the hash alone: it was recovered without its content"
            )
        path = tuple(inclusion_proof(position, size, node_reader(db)))
        return TlogProof(position, path, note, entry).render()

    return await store.query(work)
