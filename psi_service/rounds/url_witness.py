"""This node's log towards one independent witness: ask, verify, keep; start the proof where the witness stands."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from psi_client.witness_client import WitnessClient
from psi_core.errors import InvalidCheckpoint, InvalidConfiguration
from psi_core.log.note import Note
from psi_core.log.witness import AddCheckpoint
from psi_core.log.witness_policy import WitnessPolicy
from psi_service.clock import Clock, instant
from psi_service.log import cosigned
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store


class UrlWitness:
    """Lets one witness of a policy cosign the log."""

    def __init__(self, client: WitnessClient, store: Store, log: NodeLog, clock: Clock) -> None:
        self._client = client
        self._store = store
        self._log = log
        self._clock = clock

    @property
    def name(self) -> str:
        """The name of the witness's key."""
        return self._client.key.name

    async def ask(self) -> None:
        """Have the newest checkpoint cosigned, unless it is already.

        Raises what WitnessClient raises, StoreError; InvalidCheckpoint when the witness does not want a proof from
        where it said that it stands, or says that it has cosigned more entries than there are. That would be a log
        that was set back, but nobody signed it: it is for people to look at, and stops nothing.
        """
        note = await self._log.checkpoint()
        size = cosigned.size_of(note)
        if await self._store.query(lambda db: cosigned.cosigned_size(db, self.name)) >= size:
            return
        found = await self._request(note, size)
        if isinstance(found, int):
            there = min(found, size)
            await self._store.transaction(lambda db: cosigned.remember_size(db, self.name, there))
            again = await self._request(note, size) if found <= size else found
            if isinstance(again, int):
                raise InvalidCheckpoint(
                    f"witness {self.name} says that it has cosigned {again} entries of this log, there are {size}. "
                    "If there should be more, the log was set back: compare with what the peers hold"
                )
            found = again
        kept = found.render()

        def keep(db: Database) -> None:
            cosigned.keep_cosigned(db, self.name, size, kept, instant(self._clock()))
            cosigned.remember_size(db, self.name, size)

        await self._store.transaction(keep)

    async def _request(self, note: bytes, size: int) -> Note | int:
        old, proof = await self._store.query(lambda db: cosigned.proof_for(db, self.name, size))
        return await self._client.add_checkpoint(AddCheckpoint(old, tuple(proof), note))


def url_witnesses(path: Path | None, store: Store, log: NodeLog, clock: Clock) -> tuple[UrlWitness, ...]:
    """The witnesses with a URL in the policy file `path`; none without a file. Raises InvalidConfiguration."""
    if path is None:
        return ()
    try:
        policy = WitnessPolicy.parse(path.read_bytes())
    except OSError as error:
        raise InvalidConfiguration(f"the witness policy {path} cannot be read ({error.strerror})") from None
    return tuple(
        UrlWitness(WitnessClient(policy.witnesses[name], url), store, log, clock)
        for name, url in policy.urls.items()
    )
