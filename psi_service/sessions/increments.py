"""From cached generations to the terms of an incremental run: before the sets are frozen, and after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from psi_core.agreement.agreement import Agreement
from psi_core.engines.oprf.changes import receiver_terms, sender_terms, set_items, untagged
from psi_core.engines.oprf.generation import Generation, common
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.segment import GenerationName
from psi_core.engines.questions import CHANGES, RELABELLED, same, sender_fields
from psi_core.errors import ProtocolFault
from psi_core.kinds.labels import label_size
from psi_core.session.opening import Accept, GenerationTerms, Offer
from psi_core.session.packed import Packed
from psi_service.sessions.epoch_keys import KEYED, EpochKeys, LaneKey, LaneKeys
from psi_service.sessions.freezing import Frozen, Room
from psi_service.sessions.generations import Held

log = structlog.get_logger()

Fields = tuple[str, ...]
"""Names of what labels say; none where none go along."""

NONE_HERE = "in full: this lab holds no generation of this epoch"
NONE_COMMON = "in full: the two labs hold no generation in common"
OTHER_LABELS = "in full: what is held has no labels, or others than go along now"
NEW_EPOCH = "in full: the epoch has come to its end, and a new key begins the next"
NOT_WHOLE = (
    "in full: no spare places to change by whole buckets; agree on a max_size of one padding bucket more"
)


@dataclass(frozen=True)
class Standing:
    """What one lane may build on: the sender's key, our states, newest first; `why`: a full run, in words."""

    statement: KeyStatement | None = None
    found: tuple[Generation, ...] = field(default=(), repr=False)
    why: str = NONE_HERE


NOTHING = Standing()


@dataclass(frozen=True)
class Step:
    """What one lane shows: generations with our own numbers, newest first; `why`: should the run be full, in words."""

    shown: tuple[Increment, ...] = ()
    why: str = NONE_HERE

    @property
    def terms(self) -> tuple[GenerationTerms, ...] | None:
        """As an Offer's lane states them."""
        return tuple(each.terms for each in self.shown) or None


@dataclass(frozen=True)
class Increment:
    """One generation with our own numbers of changes."""

    statement: KeyStatement
    generation: Generation = field(repr=False)
    terms: GenerationTerms
    _known: list[Recalled] = field(default_factory=list, repr=False)

    @property
    def set_items(self) -> Packed | None:
        """The items of our set, as long as they are held."""
        return self._known[0].items if self._known else None

    def take_known(self) -> Recalled | None:
        """The items of our set as the generation knows them; once, so that they are not held longer than needed."""
        return self._known.pop() if self._known else None


class Increments:
    """Both sides' way from what is cached to an incremental lane."""

    def __init__(self, keys: EpochKeys) -> None:
        self._keys = keys
        self._generations = keys.generations

    async def before_offer(
        self, agreement: Agreement, peer: str, match_keys: Sequence[str], *, sends: bool, fields: Fields
    ) -> tuple[Standing, ...]:
        """Initiator: per match key, what a lane of engine `oprf` may build on.

        fields: of the labels of the sender, whoever that is.
        """
        found = []
        for name in match_keys:
            if sends:
                statement = await self._keys.current(agreement.hash(), name)
            else:
                statement = await self._keys.last_shown(peer, agreement.hash(), name)
            found.append(await self.to_offer(statement, sends=sends, fields=fields))
        return tuple(found)

    async def before_accept(self, offer: Offer, shown: LaneKeys, *, sends: bool) -> tuple[Standing, ...]:
        """Responder: per lane, what it builds on; `shown` are the keys that the Offer proves."""
        fields, found = sender_fields(offer), []
        for lane, key in zip(offer.lanes, shown, strict=True):
            statement = key.statement if key else None
            if lane.engine == KEYED and sends:
                statement = await self._keys.current(bytes.fromhex(offer.agreement), lane.match_key)
            found.append(await self.to_accept(statement, lane.generations, sends=sends, fields=fields))
        return tuple(found)

    async def steps(
        self, standings: Sequence[Standing], frozen: Sequence[Frozen], bucket: int, *, sends: bool
    ) -> tuple[Step, ...]:
        """`own_terms` of every lane."""
        return tuple(
            [
                await self.own_terms(standing, each, bucket, sends=sends)
                for standing, each in zip(standings, frozen, strict=True)
            ]
        )

    async def to_offer(self, statement: KeyStatement | None, *, sends: bool, fields: Fields) -> Standing:
        """Initiator: what its Offer may show; a sender's set is frozen to suit one generation, so it shows one."""
        if statement is None:
            return NOTHING
        rows = await self._generations.held(statement, unsigned=not sends)
        found: list[Generation] = []
        why, reader = NONE_HERE, self._generations.reader()
        for row in rows:
            if len(found) == (1 if sends else 2):
                break
            loaded = await self._generations.load(row, reader)
            if loaded is not None and _labelled(row, loaded, fields):
                found.append(loaded)
            elif loaded is not None:
                why = OTHER_LABELS
        return Standing(statement, tuple(found), why)

    async def to_accept(
        self,
        statement: KeyStatement | None,
        shown: Sequence[GenerationTerms] | None,
        *,
        sends: bool,
        fields: Fields,
    ) -> Standing:
        """Responder: the newest generation that the Offer shows, in the form that is due, and this side holds."""
        if statement is None:
            return NOTHING
        due = ("new",) if sends else ("added", "removed", *((RELABELLED,) if fields else ()))
        offered = [_name(each) for each in shown or ()]
        # One that is shown twice is none: the other entry could state our own numbers.
        names = [
            name
            for name, each in zip(offered, shown or (), strict=True)
            if _stated(each) == due and offered.count(name) == 1
        ]
        rows = await self._generations.held(statement, unsigned=not sends)
        why, reader = "", self._generations.reader()
        while (chosen := common([row.name for row in rows], names)) is not None:
            row = next(row for row in rows if row.name == chosen)
            loaded = await self._generations.load(row, reader)
            if loaded is not None and _labelled(row, loaded, fields):
                return Standing(statement, (loaded,))
            if loaded is not None:
                why = OTHER_LABELS
            rows.remove(row)
        return Standing(statement, why=why or (NONE_COMMON if rows else NONE_HERE))

    async def own_terms(self, standing: Standing, frozen: Frozen, bucket: int, *, sends: bool) -> Step:
        """Our own numbers of changes since each generation, now that the set is frozen."""
        if standing.statement is None or not standing.found:
            return Step(why=standing.why)
        made = await asyncio.to_thread(
            _counted, standing.statement, standing.found, frozen, bucket, sends=sends
        )
        return Step(made, NONE_COMMON if made else NOT_WHOLE)


def _labelled(held: Held, loaded: Generation, fields: Fields) -> bool:
    """Whether a generation has labels of these fields.

    Others of the same width will not do: what says the same in both, as what says nothing does, would not be said
    again, so that an Offer's choice of fields would tell the receiver of tags that do not match.
    """
    return held.fields == fields and loaded.label_size == label_size(fields)


def _counted(
    statement: KeyStatement,
    generations: Sequence[Generation],
    frozen: Frozen,
    bucket: int,
    *,
    sends: bool,
) -> tuple[Increment, ...]:
    """The changes of our set since each generation. Heavy: run it in a thread."""
    items, made = set_items(statement, frozen.snapshot.elements), []
    for each in generations:
        known = Recalled(each, items)
        terms: GenerationTerms | None
        if not sends:
            terms = receiver_terms(each, known, bucket)
        elif each.label_size:
            terms = sender_terms(each, known, bucket, bytes(frozen.labels.buffer))
        else:
            terms = sender_terms(each, known, bucket)
        if terms is not None:
            made.append(Increment(statement, each, terms, [known]))
    return tuple(made)


def in_this_epoch(steps: Sequence[Step], keys: LaneKeys) -> tuple[Step, ...]:
    """The steps without those that the key of the lane, which may be a new epoch's, was not part of."""

    def still(step: Step, key: LaneKey | None) -> Step:
        if key is not None and any(each.statement != key.statement for each in step.shown):
            return Step(why=NEW_EPOCH)
        return step

    return tuple(still(step, key) for step, key in zip(steps, keys, strict=True))


def room(standing: Standing, agreement: Agreement, match_key: str) -> Room:
    """How a sender's set is frozen: with dummies to spare, and so that it changes by whole buckets."""
    bucket, most = agreement.delta_bucket, agreement.terms(match_key).max_size
    if standing.statement is None or not standing.found:
        return Room(bucket, most)
    return Room(bucket, most, partial(untagged, standing.found[0]))


def answered(own: Increment, shown: Sequence[GenerationTerms]) -> GenerationTerms:
    """What the Accept states: the chosen generation with the numbers of both sides."""
    theirs = next(each for each in shown if same(each, own.terms))
    return own.terms.model_copy(update={name: getattr(theirs, name) for name in _stated(theirs)})


def epoch_changes(step: Step, shown: Sequence[GenerationTerms] | None) -> tuple[int, int] | None:
    """What a responder that sends counts against its epoch: the receiver's new items, its own tags that come."""
    if not step.shown:
        return None
    terms = answered(step.shown[0], shown or ())
    return terms.new or 0, terms.added or 0


def chosen(
    own: Sequence[Increment], terms: Sequence[GenerationTerms] | None, key: LaneKey | None
) -> Increment | None:
    """Initiator: which of the generations that it showed the Accept builds on.

    Raises ProtocolFault when the Accept shows the key of another epoch than that generation's.
    """
    found = next((each for each in own if terms and same(each.terms, terms[0])), None)
    if found is not None and (key is None or key.statement != found.statement):
        raise ProtocolFault("the Accept builds on a generation of another epoch than its key's")
    return found


def run_words(accept: Accept, steps: Sequence[Step]) -> tuple[str | None, ...]:
    """Per lane, for people and the journal: how engine `oprf` runs; None for other engines."""
    found = []
    for lane, step in zip(accept.lanes, steps, strict=True):
        words = _in_words(lane.generations[0]) if lane.generations else step.why
        if lane.engine == KEYED:
            log.info("oprf runs", session=accept.session_id, match_key=lane.match_key, run=words)
        found.append(words if lane.engine == KEYED else None)
    return tuple(found)


def _in_words(terms: GenerationTerms) -> str:
    """An incremental run: bucketed numbers, as the peer sees them."""
    words = (
        f"on generation {terms.number}: {terms.new:,} new items evaluated, "
        f"{terms.added:,} tags added, {terms.removed:,} removed"
    )
    return words if terms.relabelled is None else f"{words}, labels of {terms.relabelled:,} sent again"


def _name(terms: GenerationTerms) -> GenerationName:
    return GenerationName(terms.number, bytes.fromhex(terms.hash))


def _stated(terms: GenerationTerms) -> tuple[str, ...]:
    return tuple(name for name in (*CHANGES, RELABELLED) if getattr(terms, name) is not None)
