"""`psi-node log recover`: bring back what this node signed and its store has lost.

ask       every pinned peer, and the exports that were named: checkpoints, the tail of the log, the pair's entries
check     each against checkpoints that the own log key signed; a source that shows another log ends it
write     everything in one transaction: the tail, the ledger, what the peers' logs have and the own one lacks
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlite_utils import Database

from psi_core.errors import NodeRefusing, NotFound, PeerUnreachable
from psi_core.identity.card import Card
from psi_core.wire.peers_pb2 import ReadLogReply
from psi_service.log.head_file import HeadFile
from psi_service.log.stored_tree import check_tree, node_reader
from psi_service.recovery.sources import KeepsLog, exported, kept_by, known_to
from psi_service.recovery.tail import Known, Tail, found_tail
from psi_service.recovery.writing import Asked, Recovered, Writing
from psi_service.sessions.books import Desk
from psi_service.sessions.catching_up import CatchingUp
from psi_service.sessions.told import Told


class Peer(KeepsLog, Protocol):
    """An open connection to a peer, as far as this needs it."""

    async def read_log(self, *, entries_from: int) -> ReadLogReply:
        """Entries of the pair in the peer's log."""
        ...


Dial = Callable[[str], AbstractAsyncContextManager[Peer]]


@dataclass(frozen=True)
class Answers:
    """What was said of the own log beyond its first `start` entries, which are here."""

    start: int
    tails: tuple[Tail, ...]
    known: tuple[Known, ...]
    asked: tuple[Asked, ...]


class Recovering:
    """Recovers the log of `desk`. `cards` are the pinned peers, `dial` connects to one."""

    def __init__(self, desk: Desk, head_file: Path, cards: Callable[[], Sequence[Card]], dial: Dial) -> None:
        self._desk = desk
        self._head_file = HeadFile(head_file)
        self._cards = cards
        self._dial = dial
        self._catching_up = CatchingUp(desk)

    async def recover(self, exports: Sequence[Path], without: Collection[str]) -> Recovered:
        """Recover the log and the ledger. Peers in `without` are not asked: what they keep stays unknown.

        Raises PeerUnreachable when another peer cannot be asked; VerificationError, ProtocolFault for what a source
        shows when that is not what this node signed; NodeRefusing when the log cannot be brought to where it was;
        NotFound for a lab in `without` that is not pinned. Nothing is changed then.
        """
        return await self._write(await self.ask(exports, without))

    async def ask(self, exports: Sequence[Path], without: Collection[str]) -> Answers:
        """What everyone who may be asked has of the log, unverified. Raises as `recover`."""
        verifier = self._desk.log.verifier
        start = await self._desk.store.query(check_tree)
        tails = [tail for each in exports if (tail := exported(each, verifier, start)) is not None]
        known = self._remembered()
        asked: list[Asked] = []
        for card in self._to_ask(without):
            heads, tail, texts = await self._ask(card, start)
            known += heads
            tails += [tail] if tail is not None else []
            asked.append(Asked(card, texts))
        return Answers(start, tuple(tails), tuple(known), tuple(asked))

    def _to_ask(self, without: Collection[str]) -> list[Card]:
        cards = {card.lab: card for card in self._cards()}
        if unknown := sorted(set(without) - cards.keys()):
            raise NotFound(f"no peer {', '.join(unknown)} is pinned: nobody of that name would be asked")
        return [card for lab, card in sorted(cards.items()) if lab not in without]

    def _remembered(self) -> list[Known]:
        head = self._head_file.read()
        if head is None or head.origin != self._desk.log.origin:
            return []
        return [Known(f"the head file {self._head_file.path}", head)]

    async def _ask(self, card: Card, start: int) -> tuple[list[Known], Tail | None, list[Told]]:
        verifier = self._desk.log.verifier
        try:
            async with self._dial(card.lab) as peer:
                heads = await known_to(card.lab, peer, verifier)
                tail = await kept_by(card.lab, peer, verifier, start)
                return heads, tail, await self._catching_up.read(card, peer)
        except PeerUnreachable as fault:
            words = (
                f"{fault.message}. What {card.lab} keeps of this log must be known first: try again when it runs. "
                f"If it is gone for good: --without {card.lab}"
            )
            raise PeerUnreachable(words, fault=fault.fault) from fault

    @property
    def peers(self) -> tuple[str, ...]:
        """The labs that are pinned."""
        return tuple(card.lab for card in self._cards())

    @property
    def writing(self) -> Writing:
        """What writes a recovery down, at this moment's time."""
        return Writing(self._desk.log, self._catching_up, self._desk.clock())

    async def _write(self, answers: Answers) -> Recovered:
        start, writing = answers.start, self.writing

        def work(db: Database) -> Recovered:
            if check_tree(db) != start:
                raise NodeRefusing("the log grew while it was being recovered: stop the node, then try again")
            found = found_tail(start, answers.tails, answers.known, node_reader(db))
            return writing.recover(db, start, found, answers.asked)

        try:
            return await self._desk.store.transaction(work)
        finally:
            # Whatever came of it: the log says for itself whether it may go on.
            await self._desk.log.verify_at_start()
