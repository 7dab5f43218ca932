"""What a lab proposes, with defaults for all that it leaves out, and the agreement's text that comes of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from psi_core.agreement.agreement import Agreement
from psi_core.identity.instant import instant, moment
from psi_core.kinds.labels import FIELDS
from psi_core.log import jcs
from psi_core.log.signed_text import Hex16, Instant, LabName, ShortText

DAY = 86_400
VALID_DAYS = 365
_VARIANTS = {"openmined": "semi-honest", "oprf": "verifiable", "vole": "malicious"}


class ProposedMatchKey(BaseModel):
    """A match key with its cap and budget, per lab that learns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match_key: str
    max_size: int = Field(50_000, description="Most evaluations in one session.")
    evaluations_per_period: int = Field(100_000, description="Most evaluations in one budget period.")


class ProposedEngine(BaseModel):
    """An engine that may run, in one variant; left out, the one that each engine is known for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str = "openmined"
    variant: str = ""

    @model_validator(mode="before")
    @classmethod
    def _known_for(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("variant"):
            return given
        return {**given, "variant": _VARIANTS.get(given.get("engine", "openmined"), "")}


class ProposedLabels(BaseModel):
    """What a lab says of its indicators that match, to the other lab where that one learns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lab: LabName | None = Field(
        None, description="Who gives the labels; left out: each lab whose peer learns."
    )
    fields: tuple[str, ...] = Field(description=f"Of {', '.join(FIELDS)}.")


class Proposal(BaseModel):
    """Terms for one other lab. Whatever is left out takes its default here, and is in the signed text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lab: LabName = Field(description="The pinned lab to agree with.")
    title: ShortText
    match_keys: Annotated[tuple[ProposedMatchKey, ...], Field(min_length=1)]
    learns: tuple[LabName, ...] | None = Field(None, description="Who may learn; left out: both labs.")
    reveal: tuple[str, ...] = Field(("items",), description="items, count or both.")
    engines: tuple[ProposedEngine, ...] = Field(
        (ProposedEngine(engine="oprf"), ProposedEngine(engine="vole"), ProposedEngine(engine="openmined")),
        description="Left out: oprf, vole for large sets, and openmined for a node without the native core.",
    )
    labels: tuple[ProposedLabels, ...] = Field(
        (), description="What is said of what matches; left out: nothing."
    )
    valid_from: Instant | None = Field(None, description="Left out: the beginning of today, UTC.")
    valid_until: Instant | None = Field(None, description="Left out: 365 days after valid_from.")
    period_start: Instant | None = Field(None, description="Left out: valid_from.")
    period_seconds: int = Field(DAY, description="Length of a budget period.")
    minimum_interval_seconds: int = Field(60, description="Least time between two sessions of one order.")
    padding_bucket: int = Field(1024, description="Sizes are padded to multiples of this.")
    late_abort_limit: int = Field(3, description="More sessions than this broken off late stop the peer.")
    bundle_days: int = Field(30, description="For how long bundles of engine oprf are kept for an auditor.")


def text_of(
    proposal: Proposal, *, own_lab: str, profile: str, key_id: str, nonce: Hex16, now: datetime
) -> Agreement:
    """The agreement that `own_lab` proposes at `now`.

    Raises InvalidText or InvalidMatchKey for terms that make no sense, naming the field.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    labs = sorted([own_lab, proposal.lab])
    learns = sorted(proposal.learns) if proposal.learns is not None else labs
    valid_from = proposal.valid_from or instant(today)
    fields = {
        **proposal.model_dump(mode="json", exclude={"lab", "labels"}),
        "labs": labs,
        "learns": learns,
        **_labels(proposal, labs, learns),
        "valid_from": valid_from,
        "valid_until": proposal.valid_until or instant(moment(valid_from) + timedelta(days=VALID_DAYS)),
        "period_start": proposal.period_start or valid_from,
        "profile": profile,
        "consortium_key_id": key_id,
        "created": instant(now),
        "nonce": nonce,
    }
    return Agreement.from_text(f"{Agreement.TYPE}\n{jcs.encode(fields).decode()}\n")


def _labels(proposal: Proposal, labs: list[str], learns: list[str]) -> dict[str, Any]:
    """The grants, each lab's fields in their one order; unknown names stay, so that the text refuses them."""
    fields: dict[str, set[str]] = {}
    for given in proposal.labels:
        givers = [given.lab] if given.lab else [lab for lab in labs if set(learns) - {lab}]
        for lab in givers:
            fields.setdefault(lab, set()).update(given.fields)
    order = {name: place for place, name in enumerate(FIELDS)}
    grants = [
        {"lab": lab, "fields": sorted(names, key=lambda name: (order.get(name, len(order)), name))}
        for lab, names in sorted(fields.items())
    ]
    return {"labels": grants} if grants else {}
