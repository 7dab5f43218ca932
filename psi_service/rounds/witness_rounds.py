"""On a timer: sign a checkpoint, and let every peer cosign it that has not seen the log since it grew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog

from psi_core.errors import PsiError
from psi_core.identity.card import Card
from psi_core.wire.session_pb2 import Checkpoint
from psi_service.rounds.background import Background
from psi_service.sessions.checkpoints import Checkpoints

log = structlog.get_logger()


class Cosigner(Protocol):
    """An open connection to a peer, as far as this needs it."""

    async def cosign(self, checkpoint: Checkpoint) -> Checkpoint:
        """Hand over a checkpoint with its proof; returns the newest one that the peer has cosigned."""
        ...


class Independent(Protocol):
    """A witness that is no peer; see url_witness.py."""

    @property
    def name(self) -> str:
        """By which the journal knows it."""
        ...

    async def ask(self) -> None:
        """Have the newest checkpoint cosigned."""
        ...


class WitnessRounds(Background):
    """Asks the pinned peers of `cards`, then the `independent` witnesses; `dial` connects to a peer."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        cards: Callable[[], Sequence[Card]],
        dial: Callable[[str], AbstractAsyncContextManager[Cosigner]],
        seconds: float,
        independent: Sequence[Independent] = (),
    ) -> None:
        super().__init__("witness-rounds", self.ask_all, seconds)
        self._checkpoints = checkpoints
        self._cards = cards
        self._dial = dial
        self._independent = independent

    async def ask_all(self) -> None:
        """One round. What fails is in the journal; nothing of the error tree is raised."""
        try:
            await self._checkpoints.own()
        except PsiError as fault:
            log.warning("no checkpoint signed", code=fault.code, reason=str(fault))
            return
        for card in self._cards():
            try:
                if await self._checkpoints.due(card.lab):
                    await self._ask(card)
            except PsiError as fault:
                log.warning("peer did not cosign", peer=card.lab, code=fault.code, reason=str(fault))

        for witness in self._independent:
            try:
                await witness.ask()
            except PsiError as fault:
                log.warning(
                    "witness did not cosign", witness=witness.name, code=fault.code, reason=str(fault)
                )

    async def _ask(self, card: Card) -> None:
        async with self._dial(card.lab) as peer:
            # A second time when the answer says that the proof has to start elsewhere.
            for _ in range(2):
                given = await self._checkpoints.for_witness(card.lab)
                await self._checkpoints.cosigned_by(card, await peer.cosign(given))
                if not await self._checkpoints.due(card.lab):
                    return
        log.warning("peer did not cosign the newest checkpoint", peer=card.lab)
