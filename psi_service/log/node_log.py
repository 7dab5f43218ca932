"""The node's append-only log: entries written inside transactions, a head file, signed checkpoints.

    transaction   append(db, ...) writes the entry and its tree nodes, with whatever else belongs together
    COMMIT
    head file     size and root, fsynced, before the awaiter of the transaction resumes
    checkpoint()  signed only now, and kept

So nothing that was logged can leave the node and be forgotten by it: a database that was set back no longer
reaches its head file, or a checkpoint that a peer kept, and the node refuses to sign or to start sessions.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from psi_core.errors import NodeRefusing, VerificationError
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import SALT_LENGTH, Entry, EntryKind
from psi_core.log.key import Signer, Verifier
from psi_service.clock import Clock, instant
from psi_service.log.head_file import HeadFile
from psi_service.log.start_rules import check_extends, check_start, checkpoint_of
from psi_service.log.stored_tree import node_reader, store_entry, stored_size
from psi_service.log.succession import check_in_place
from psi_service.store.database import Store

MAX_PEER_COPIES = 1024


class NodeLog:
    """This node's log. Until `verify_at_start` has passed it refuses everything that would be signed.

    `signer` is the log key, whose name is the origin; `head_file` the second place. `refusal` says in words
    why the node refuses, or is None.
    """

    def __init__(self, store: Store, signer: Signer, head_file: Path, clock: Clock) -> None:
        self._store = store
        self._signer = signer
        self._head_file = HeadFile(head_file)
        self._clock = clock
        self._head = Checkpoint(signer.name, 0, tree.EMPTY_ROOT)
        self._size = 0
        self.refusal: str | None = "the log has not been checked against its head file yet"

    @property
    def origin(self) -> str:
        """The log's name, as the card gives it."""
        return self._signer.name

    @property
    def verifier(self) -> Verifier:
        """The public half of the log key."""
        return self._signer.verifier

    @property
    def size(self) -> int:
        """The number of entries that are committed and that the head file knows."""
        return self._size

    def check(self) -> None:
        """Raise NodeRefusing when the log may not grow or be signed."""
        if self.refusal is not None:
            raise NodeRefusing(self.refusal)

    def append(self, db: Database, kind: EntryKind, body: dict[str, Any], peer: str | None = None) -> int:
        """Inside a transaction: log `body` with a fresh salt and the time; returns its position, from 0.

        `peer` is the lab whose pair the entry belongs to. The head file is written after the commit, before
        the transaction's awaiter resumes. Raises NodeRefusing, InvalidText (a body that is no JSON, or above
        64 KiB), StoreError outside a transaction.
        """
        self.check()
        self._store.on_commit(self._write_head)
        entry = Entry(kind, secrets.token_bytes(SALT_LENGTH), instant(self._clock()), peer, body)
        position = store_entry(db, entry)
        # Taken over only by the hook, which runs for a committed transaction alone.
        self._head = checkpoint_of(db, self.origin, position + 1)
        return position

    async def checkpoint(self) -> bytes:
        """The signed checkpoint of the committed log, as a note; made once per size and kept.

        Raises NodeRefusing.
        """
        return await self._store.transaction(self._sign)

    async def entries(self, start: int, count: int) -> list[bytes]:
        """At most `count` entries from position `start` on, as they were logged."""
        sql = "SELECT data FROM log_entries WHERE position >= ? ORDER BY position LIMIT ?"
        return await self._store.query(
            lambda db: [bytes(data) for (data,) in db.conn.execute(sql, (start, count))]
        )

    async def root(self, size: int) -> bytes:
        """The root of the first `size` entries, 32 bytes. Raises NodeRefusing when there are fewer."""
        return await self._store.query(lambda db: tree.root(size, node_reader(db)))

    async def verify_at_start(self) -> None:
        """Check the whole tree, then that it extends the head file; sets `refusal`, to None when all is well.

        A head file that is behind (the node died between commit and head file) is brought up to date: nothing
        of what it does not know has left the node.
        """
        try:
            self._size = await self._store.transaction(self._start)
        except NodeRefusing as error:
            self.refusal = error.message
            # Nothing is signed; what is there can be read, and is told as it is.
            self._size = await self._store.query(stored_size)
        else:
            self.refusal = None

    async def check_peer_copies(self, notes: Iterable[bytes], lab: str = "a peer") -> int:
        """Compare checkpoints that `lab` kept of this log with the log; returns how many were ours and fit.

        One that our log key signed and that the log does not extend sets `refusal`. Others prove nothing and
        are passed over, so that a peer cannot stop this node with a forgery. At most 1,024 are looked at.
        """
        fitting = 0
        for note in islice(notes, MAX_PEER_COPIES):
            try:
                copy = Checkpoint.open(note, self._signer.verifier)
            except VerificationError:
                continue
            try:
                await self._store.query(partial(check_extends, known=copy, source=f"the copy at {lab}"))
            except NodeRefusing as error:
                self.refusal = error.message
                break
            fitting += 1
        return fitting

    def resume(self, db: Database) -> None:
        """Inside a transaction that brought the log to where it was: check all of it, and let it grow again.

        The caller calls `verify_at_start` when the transaction is over, however it ended. Raises NodeRefusing.
        """
        self._size = check_start(db, self._head_file, self.origin).size
        self.refusal = None

    def continue_as(self, signer: Signer) -> None:
        """Take over another log key, in the transaction that put the old log away and begins the next one."""
        self._signer = signer
        self.refusal = None

    def _start(self, db: Database) -> int:
        check_in_place(db, self._signer.verifier)
        head = check_start(db, self._head_file, self.origin)
        self._head_file.write(head)
        return head.size

    def _write_head(self) -> None:
        try:
            self._head_file.write(self._head)
        except NodeRefusing as error:
            self.refusal = error.message
            raise
        self._size = self._head.size

    def _sign(self, db: Database) -> bytes:
        # On the writer thread: the head file of every committed transaction is written, or `refusal` is set.
        self.check()
        size = stored_size(db)
        kept = db.conn.execute("SELECT note FROM own_checkpoints WHERE size = ?", (size,)).fetchone()
        if kept is not None:
            return bytes(kept[0])
        note = checkpoint_of(db, self.origin, size).signed(self._signer)
        db.conn.execute(
            "INSERT INTO own_checkpoints (size, note, signed) VALUES (?, ?, ?)",
            (size, note, instant(self._clock())),
        )
        return note
