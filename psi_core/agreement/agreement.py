"""The text that both labs sign before anything runs, and the text by which either ends it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from psi_core.errors import InvalidText, NotFound
from psi_core.identity.instant import moment
from psi_core.kinds.labels import FIELDS
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_core.kinds.registry import KINDS
from psi_core.log.signed_text import Count, Hex16, Hex32, Instant, LabName, ShortText, SignedText

SMALL_BUDGET = 100_000
"""Most evaluations a period for a match key of low entropy that stands alone (design.md section 8).

There are 4 * 10^9 IPv4 addresses and more phone numbers: this many guesses a period test one in 40,000 of
them. Joined with another kind, the same values may be matched under any budget.
"""

MAX_MATCH_KEYS = 16
MIN_PADDING_BUCKET = 64
MAX_PADDING_BUCKET = 1 << 24
MIN_PERIOD_SECONDS = 3600
"""An hour: a period has to be much longer than the five minutes that clocks may differ."""
MAX_SECONDS = 366 * 24 * 3600
"""A year: the longest period and the longest interval."""
MAX_BUNDLE_DAYS = 3660
"""Ten years, as long as a lab's certificate."""

KeyId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
Name = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_.-]{0,31}$")]
_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


class MatchKeyTerms(BaseModel):
    """One match key: the largest single run and the budget of a period, both in evaluations per receiver."""

    model_config = _STRICT

    match_key: ShortText
    max_size: Annotated[Count, Field(gt=0)]
    evaluations_per_period: Annotated[Count, Field(gt=0)]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if _can_be_enumerated(MatchKey.parse(self.match_key)) and self.evaluations_per_period > SMALL_BUDGET:
            raise InvalidText(
                f"match key {self.match_key}: its values can be enumerated, so it may have at most "
                f"{SMALL_BUDGET:,} evaluations a period, not {self.evaluations_per_period:,}. "
                "Lower evaluations_per_period, or join it with an independent kind."
            )
        return self


class EngineTerms(BaseModel):
    """One engine that may run, in one variant."""

    model_config = _STRICT

    engine: Literal["openmined", "oprf", "vole"]
    variant: Name


class LabelGrant(BaseModel):
    """What `lab` says of those of its indicators that match: named fields, to the other lab where that one learns."""

    model_config = _STRICT

    lab: LabName
    fields: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=len(FIELDS))]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if not set(self.fields) <= set(FIELDS):
            raise InvalidText(f"labels: fields are {', '.join(FIELDS)}")
        if self.fields != tuple(name for name in FIELDS if name in self.fields):
            raise InvalidText(f"labels: name each field once, in the order {', '.join(FIELDS)}")
        return self


class Agreement(SignedText):
    """What two labs allow each other. In force only with both labs' signatures on this one text.

    bundle_days: for how many days after a session with engine `oprf` either lab keeps its sealed bundles, with which
    an auditor can check every answer; 0 or left out: none are kept.
    """

    TYPE: ClassVar[str] = "psi-agreement/v1"

    title: ShortText
    labs: tuple[LabName, LabName]
    match_keys: Annotated[tuple[MatchKeyTerms, ...], Field(min_length=1, max_length=MAX_MATCH_KEYS)]
    learns: Annotated[tuple[LabName, ...], Field(min_length=1, max_length=2)]
    reveal: Annotated[tuple[Literal["items", "count"], ...], Field(min_length=1, max_length=2)]
    engines: Annotated[tuple[EngineTerms, ...], Field(min_length=1, max_length=8)]
    labels: Annotated[tuple[LabelGrant, ...], Field(min_length=1, max_length=2)] | None = None
    valid_from: Instant
    valid_until: Instant
    period_start: Instant
    period_seconds: Annotated[Count, Field(ge=MIN_PERIOD_SECONDS, le=MAX_SECONDS)]
    minimum_interval_seconds: Annotated[Count, Field(le=MAX_SECONDS)]
    padding_bucket: Annotated[Count, Field(ge=MIN_PADDING_BUCKET, le=MAX_PADDING_BUCKET)]
    late_abort_limit: Count
    bundle_days: Annotated[Count, Field(le=MAX_BUNDLE_DAYS)] | None = None
    profile: Name
    consortium_key_id: KeyId
    created: Instant
    nonce: Hex16

    @model_validator(mode="after")
    def _checked(self) -> Self:
        """Every list has one spelling (sorted where order says nothing), so one agreement has one text."""
        if not _ascending(self.labs):
            raise InvalidText("labs: name two different labs in alphabetical order")
        if not _ascending(self.learns) or not set(self.learns) <= set(self.labs):
            raise InvalidText("learns: name one or both of the two labs, in alphabetical order")
        if len({terms.match_key for terms in self.match_keys}) != len(self.match_keys):
            raise InvalidText("match_keys: one of them is named twice")
        if len(set(self.reveal)) != len(self.reveal) or len(set(self.engines)) != len(self.engines):
            raise InvalidText("reveal, engines: an entry is listed twice")
        for terms in self.match_keys:
            if terms.max_size > terms.evaluations_per_period:
                raise InvalidText(
                    f"match key {terms.match_key}: one run may cost more than a period's budget"
                )
        if (
            "count" in self.reveal
            and EngineTerms(engine="openmined", variant="semi-honest") not in self.engines
        ):
            raise InvalidText("reveal: count needs engine openmined, semi-honest, among the engines")
        self._check_labels()
        if not moment(self.period_start) <= moment(self.valid_from) < moment(self.valid_until):
            raise InvalidText("dates: period_start, valid_from and valid_until have to follow each other")
        return self

    def _check_labels(self) -> None:
        """A grant makes sense where the other lab learns items, and an engine can seal labels."""
        given = self.labels or ()
        if not _ascending(tuple(grant.lab for grant in given)):
            raise InvalidText("labels: name each lab that gives labels once, in alphabetical order")
        for grant in given:
            if grant.lab not in self.labs or self.other(grant.lab) not in self.learns:
                raise InvalidText(f"labels: {grant.lab} gives labels to a lab that does not learn")
        if given and (
            "items" not in self.reveal or {terms.engine for terms in self.engines} <= {"openmined"}
        ):
            raise InvalidText("labels: they need reveal items, and oprf or vole among the engines")

    def granted(self, lab: str) -> tuple[str, ...]:
        """The fields that `lab` gives to the other one of its indicators that match; none where nothing is granted."""
        return next((grant.fields for grant in self.labels or () if grant.lab == lab), ())

    @property
    def short_id(self) -> str:
        """The first four hex digits of the text's hash: what people call it."""
        return self.hash().hex()[:4]

    @property
    def delta_bucket(self) -> int:
        """Numbers of changes between two runs are shown in multiples of this: of the padding bucket, as sizes are."""
        return self.padding_bucket

    def other(self, lab: str) -> str:
        """The other party; raises NotFound when `lab` is not a party."""
        first, second = self.labs
        if lab not in self.labs:
            raise NotFound(f"agreement {self.short_id} is between other labs")
        return second if lab == first else first

    def terms(self, match_key: str) -> MatchKeyTerms:
        """The terms of one match key; raises NotFound."""
        for terms in self.match_keys:
            if terms.match_key == match_key:
                return terms
        raise NotFound(f"agreement {self.short_id} has no such match key; `psi agreements show` lists them")

    def period_at(self, now: datetime) -> int:
        """The number of the budget period at `now`, from 0; negative before the first one starts."""
        return (now - moment(self.period_start)) // timedelta(seconds=self.period_seconds)

    def period_ends(self, number: int) -> datetime:
        """When budget period `number` ends and the next one starts, in UTC."""
        return moment(self.period_start) + timedelta(seconds=self.period_seconds) * (number + 1)

    def full_runs(self, match_key: str) -> int:
        """How many runs of the largest size a period's budget pays for."""
        terms = self.terms(match_key)
        return terms.evaluations_per_period // terms.max_size


class Revocation(SignedText):
    """Either lab ends an agreement, alone and at once."""

    TYPE: ClassVar[str] = "psi-revocation/v1"

    agreement: Hex32
    lab: LabName
    reason: ShortText
    created: Instant


def _can_be_enumerated(key: MatchKey) -> bool:
    """Of low entropy, alone or joined only with kinds that follow from it: `ipv4+ip_prefix` is ipv4 again."""
    kinds = [KINDS[kind] for named in key.kinds for kind in stored_kinds(named)]
    return len({kind.family for kind in kinds}) == 1 and any(kind.low_entropy for kind in kinds)


def _ascending(names: tuple[str, ...]) -> bool:
    return all(left < right for left, right in pairwise(names))
