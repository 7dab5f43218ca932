"""The signed texts that close a session: PreRecord (the barrier) and Record (the account both labs sign)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from psi_core.log.signed_text import Count, Hex16, Hex32, LabName, ShortText, SignedText
from psi_core.session.opening import (
    Accept,
    Direction,
    EngineName,
    Lane,
    MatchKeyName,
    Offer,
    Parameters,
    Reveal,
    SessionLabels,
    Slug,
    context,
)
from psi_core.session.results import Claim

Outcome = Literal["ok", "fault"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Sizes(_Part):
    """Padded sizes of one lane."""

    initiator: Count
    responder: Count


class Hashes(_Part):
    """A 32-byte value from each side: snapshot commitments of a lane, or transcripts of a session."""

    initiator: Hex32
    responder: Hex32


class Claims(_Part):
    """What each receiver says it learned in one lane; None for a side that is no receiver."""

    initiator: Claim | None = None
    responder: Claim | None = None


class PreRecordLane(_Part):
    """The parameters under which a lane is about to be served."""

    match_key: MatchKeyName
    engine: EngineName
    variant: Slug
    sizes: Sizes
    parameters: Parameters = Field(max_length=16)


class PreRecord(SignedText):
    """A receiver's signed word that it is about to be served: parameters, sizes and transcripts so far.

    The sender logs it before any completing frame: the log then proves that a receiver was about to be served.
    """

    TYPE: ClassVar[str] = "psi-pre-record/v1"

    session_id: Hex16
    ctx: Hex32
    receiver: LabName
    lanes: tuple[PreRecordLane, ...] = Field(min_length=1, max_length=16)
    transcripts: Hashes


class Chunks(_Part):
    """What stands for a lane's proven chunks (engine `oprf`): the Merkle root over them in order, and their number.

    `generation` and `generation_hash` name the state that the run leaves at both sides.
    """

    root: Hex32
    count: Count
    generation: Count | None = None
    generation_hash: Hex32 | None = None


class RecordLane(PreRecordLane):
    """One lane of the record: as in the pre-record, with the security model, snapshots, claims and proven chunks."""

    security: ShortText
    snapshots: Hashes
    results: Claims
    chunks: Chunks | None = None


class Record(SignedText):
    """The signed account of a session: one text, two signatures, the same hash in both logs."""

    TYPE: ClassVar[str] = "psi-record/v1"

    session_id: Hex16
    initiator: LabName
    responder: LabName
    agreement: Hex32
    offer: Hex32
    accept: Hex32
    ctx: Hex32
    period: Count
    counter: Count
    previous: Hex32
    direction: Direction
    reveal: Reveal
    labels: SessionLabels | None = None
    lanes: tuple[RecordLane, ...] = Field(min_length=1, max_length=16)
    transcripts: Hashes
    outcome: Outcome


def _lane_terms(ours: Lane, theirs: Lane) -> dict[str, object]:
    return {
        "match_key": theirs.match_key,
        "engine": theirs.engine,
        "variant": theirs.variant,
        "sizes": Sizes(initiator=ours.padded_size, responder=theirs.padded_size),
        "parameters": dict(theirs.parameters),
    }


def pre_record(
    offer: Offer,
    accept: Accept,
    receiver: str,
    transcripts: Hashes,
    *,
    hashes: tuple[bytes, bytes] | None = None,
) -> PreRecord:
    """The pre-record that `receiver` signs, rebuilt by the sender from its own state and compared.

    `hashes`: of Offer and Accept, where the caller has them.
    """
    return PreRecord(
        session_id=offer.session_id,
        ctx=context(*(hashes or (offer.hash(), accept.hash()))).hex(),
        receiver=receiver,
        lanes=tuple(
            PreRecordLane.model_validate(_lane_terms(mine, theirs))
            for mine, theirs in zip(offer.lanes, accept.lanes, strict=True)
        ),
        transcripts=transcripts,
    )


def record(
    offer: Offer,
    accept: Accept,
    security: tuple[str, ...],
    claims: tuple[Claims, ...],
    transcripts: Hashes,
    chunks: tuple[Chunks | None, ...] | None = None,
    *,
    hashes: tuple[bytes, bytes] | None = None,
) -> Record:
    """The record both labs sign, built by each from its own state.

    `hashes`: of Offer and Accept, where the caller has them.
    `security`, `claims` and `chunks` have one element per lane; `chunks` is left out where no engine proves any.
    Where both labs learn, counts that differ make the outcome `fault`; they are signed as they are.
    """
    offer_hash, accept_hash = hashes or (offer.hash(), accept.hash())
    agree = offer.direction != "both" or all(claim.initiator == claim.responder for claim in claims)
    return Record(
        session_id=offer.session_id,
        initiator=offer.initiator,
        responder=offer.responder,
        agreement=offer.agreement,
        offer=offer_hash.hex(),
        accept=accept_hash.hex(),
        ctx=context(offer_hash, accept_hash).hex(),
        period=offer.period,
        counter=offer.counter,
        previous=offer.previous,
        direction=offer.direction,
        reveal=offer.reveal,
        labels=offer.labels,
        lanes=_record_lanes(offer, accept, security, claims, chunks),
        transcripts=transcripts,
        outcome="ok" if agree else "fault",
    )


def _record_lanes(
    offer: Offer,
    accept: Accept,
    security: tuple[str, ...],
    claims: tuple[Claims, ...],
    chunks: tuple[Chunks | None, ...] | None,
) -> tuple[RecordLane, ...]:
    return tuple(
        RecordLane.model_validate(
            _lane_terms(mine, theirs)
            | {
                "security": model,
                "snapshots": Hashes(initiator=mine.snapshot, responder=theirs.snapshot),
                "results": claim,
                "chunks": proven,
            }
        )
        for mine, theirs, model, claim, proven in zip(
            offer.lanes, accept.lanes, security, claims, chunks or (None,) * len(offer.lanes), strict=True
        )
    )
