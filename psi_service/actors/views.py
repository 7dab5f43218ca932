"""What is shown of an own actor: its reference and counts. Values are not stored, fingerprints not shown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class KindCount(BaseModel):
    """How many indicators of one kind an actor has; `derived` of them were computed from others."""

    model_config = ConfigDict(frozen=True)

    kind: str
    count: int
    derived: int


class ActorView(BaseModel):
    """One actor of this lab. Times are RFC 3339 in UTC, None when no row of it says when it was seen."""

    model_config = ConfigDict(frozen=True)

    reference: str
    created: str
    kinds: tuple[KindCount, ...]
    indicators: int
    first_seen: str | None
    last_seen: str | None


class ActorPage(BaseModel):
    """Some actors in the order of their first import; `next` asks for those after them, None at the end."""

    model_config = ConfigDict(frozen=True)

    actors: tuple[ActorView, ...]
    total: int
    next: int | None
