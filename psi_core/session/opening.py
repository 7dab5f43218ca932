"""The signed texts that open a session: Offer, Accept, Refuse; and ctx, which binds all that follows to them."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from psi_core.errors import InvalidText
from psi_core.kinds.labels import FIELDS
from psi_core.log.signed_text import Count, Hex16, Hex32, Instant, LabName, ShortText, SignedText

PROTOCOL = "psi/1"
MAX_LANES = 16
MAX_OFFER = 48 * 1024
"""Characters of an Offer inside a Refuse: one of 16 lanes that each show a key has about 41,000."""

Direction = Literal["initiator", "responder", "both"]
Reveal = Literal["items", "count"]
EngineName = Literal["openmined", "oprf", "vole"]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
MatchKeyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}(\+[a-z0-9_]{1,40}){0,3}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,60}$")]
Parameters = dict[Slug, Count]


class KeyEvidence(BaseModel):
    """A sender's committed key (engine `oprf`): the log entry that states it, its place in the log, the audit path.

    `entry` is base64 of the entry's exact bytes. It is proven against the checkpoint of the same Offer or Accept.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    entry: str = Field(min_length=1, max_length=8192)
    index: Count
    path: tuple[Hex32, ...] = Field(max_length=63)


class GenerationTerms(BaseModel):
    """A generation that a side holds (engine `oprf`), and the numbers of changes since, in whole delta buckets.

    In an Offer each side's own numbers: `new` by a receiver, `added` and `removed` by a sender, who states `relabelled`
    too where its labels go along (of so many tags that stay it sends them again). An Accept states all.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    number: Count = Field(ge=1)
    hash: Hex32
    new: Count | None = None
    added: Count | None = None
    removed: Count | None = None
    relabelled: Count | None = None


class SessionLabels(BaseModel):
    """Whose labels go along with matches, and with which fields; None for a side that gives none."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    initiator: tuple[Slug, ...] | None = Field(default=None, min_length=1, max_length=len(FIELDS))
    responder: tuple[Slug, ...] | None = Field(default=None, min_length=1, max_length=len(FIELDS))

    @model_validator(mode="after")
    def _checked(self) -> Self:
        given = [fields for fields in (self.initiator, self.responder) if fields is not None]
        if not given or any(fields != tuple(name for name in FIELDS if name in fields) for fields in given):
            raise InvalidText(
                f"labels: fields of one lab or both, each once, in the order {', '.join(FIELDS)}"
            )
        return self


class Lane(BaseModel):
    """One engine run for one match key, as one side states it. `key` is the sending side's, if the engine has one.

    `generations` (engine `oprf`): an Offer lists those that an incremental run may build on, newest first; an Accept
    names the chosen one. None: the run is full.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    match_key: MatchKeyName
    engine: EngineName
    variant: Slug
    padded_size: Count
    snapshot: Hex32
    parameters: Parameters = Field(max_length=16)
    key: KeyEvidence | None = None
    generations: tuple[GenerationTerms, ...] | None = Field(default=None, min_length=1, max_length=2)


Lanes = Annotated[tuple[Lane, ...], Field(min_length=1, max_length=MAX_LANES)]


class _Terms(SignedText):
    """What Offer and Accept both state, each from its own side."""

    protocol: Slug | Annotated[str, StringConstraints(pattern=r"^psi/[0-9]{1,4}$")]
    initiator: LabName
    responder: LabName
    session_id: Hex16
    agreement: Hex32
    period: Count
    consortium_key_id: KeyId
    profile: Slug
    direction: Direction
    reveal: Reveal
    labels: SessionLabels | None = None
    lanes: Lanes
    nonce: Hex32
    checkpoint: str = Field(min_length=1, max_length=4096)

    def labels_of(self, side: str) -> tuple[str, ...]:
        """The fields of the labels that this side (`initiator`, `responder`) gives; none where it gives none."""
        return (self.labels and getattr(self.labels, side)) or ()


class Offer(_Terms):
    """The initiator's proposal of one session. Lanes carry no parameters that need the responder's sizes.

    `counter` is per ordered pair, from 1; `previous` is the text hash of that pair's last record with both
    signatures (zeros at first); after `expires` the responder refuses it.
    """

    TYPE: ClassVar[str] = "psi-offer/v1"

    counter: Count = Field(ge=1)
    previous: Hex32
    expires: Instant


class Accept(_Terms):
    """The responder's answer: the Offer's text hash and the same fields from its side, parameters included."""

    TYPE: ClassVar[str] = "psi-accept/v1"

    offer: Hex32


class Refuse(SignedText):
    """A signed no, by either side: the rule as a code and in words.

    For rule `counter`, `highest_offer` is the initiator's own signed Offer with the highest counter that the
    responder had before, or "none": the initiator verifies its own signature on it. For rule `previous`,
    `last_record` is the pair's last record with both signatures as the responder holds it, or left out.
    """

    TYPE: ClassVar[str] = "psi-refuse/v1"

    session_id: Hex16
    offer: Hex32
    by: LabName
    rule: Slug
    words: str = Field(min_length=1, max_length=600)
    highest_offer: str | None = Field(default=None, max_length=MAX_OFFER)
    last_record: str | None = Field(default=None, max_length=MAX_OFFER)


class Abort(SignedText):
    """One side's account of a session that broke. `late`: after a pre-record was logged."""

    TYPE: ClassVar[str] = "psi-abort/v1"

    session_id: Hex16
    offer: Hex32
    by: LabName
    late: bool
    code: Slug
    words: ShortText


def context(offer_hash: bytes, accept_hash: bytes) -> bytes:
    """ctx = SHA-256(hash(Offer) || hash(Accept)), 32 bytes: every item and canary of the session depends on it."""
    return hashlib.sha256(offer_hash + accept_hash).digest()


_SAME = (
    "protocol",
    "initiator",
    "responder",
    "session_id",
    "agreement",
    "period",
    "consortium_key_id",
    "profile",
    "direction",
    "reveal",
    "labels",
)


def differences(offer: Offer, accept: Accept, *, offer_hash: bytes | None = None) -> tuple[str, ...]:
    """Names of the fields in which an Accept does not answer this very Offer; empty when it does.

    `offer_hash`: where the caller has it.
    Lanes must agree in number, order, match key, engine and variant; sizes and snapshots are each side's own.
    """
    found = [name for name in _SAME if getattr(offer, name) != getattr(accept, name)]
    if accept.offer != (offer_hash or offer.hash()).hex():
        found.append("offer")
    asked = [(lane.match_key, lane.engine, lane.variant) for lane in offer.lanes]
    if asked != [(lane.match_key, lane.engine, lane.variant) for lane in accept.lanes]:
        found.append("lanes")
    if accept.nonce == offer.nonce:
        found.append("nonce")
    return tuple(found)
