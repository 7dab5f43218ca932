"""What is shown of matches: own actors and what kinds of theirs matched. Values and fingerprints are not in here."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["to review", "confirmed", "false positive"]
"""A match is a lead, not a verdict: it begins as `to review`, the rest an analyst says."""


class KeyMatch(BaseModel):
    """One match key of one own actor that matched with one peer.

    `matched` of `total` elements of the actor matched; `shared` own actors (1: only this one) have the rarest
    of them. `new`: no session before the newest one had it. `labels`: what the peer says of them, by field.
    """

    model_config = ConfigDict(frozen=True)

    match_key: str
    matched: int
    total: int
    shared: int
    status: Status
    new: bool
    labels: dict[str, str | int] = Field(default_factory=dict, repr=False)


class MatchRow(BaseModel):
    """One own actor that one peer suspects too.

    `matched` names the match keys that count, `of` how many of those compared with this peer the actor has
    values for. `why` are the rules of strength in words, the deciding one first. Times are RFC 3339 in UTC,
    over the matched indicators; `tlp` is the strictest of their markings. `labels` is what the peer says of what
    matched, by field, where the agreement grants any: the highest severity, the first and the last day, every text.
    """

    model_config = ConfigDict(frozen=True)

    actor: str = Field(repr=False)
    peer: str
    matched: tuple[str, ...]
    of: int
    strength: str
    why: tuple[str, ...]
    first_seen: str | None
    last_seen: str | None
    tlp: str | None
    status: Status
    new: bool
    labels: dict[str, str | int] = Field(default_factory=dict, repr=False)
    match_keys: tuple[KeyMatch, ...]


class MatrixRow(BaseModel):
    """One peer: how many own actors matched in all, and per match key (0 where none did)."""

    model_config = ConfigDict(frozen=True)

    peer: str
    actors: int
    by_match_key: dict[str, int]


class Matrix(BaseModel):
    """Peers by match keys; false positives are not counted."""

    model_config = ConfigDict(frozen=True)

    match_keys: tuple[str, ...]
    peers: tuple[MatrixRow, ...]


class OwnValue(BaseModel):
    """A row of the lab's own file: whose value it is, its kind (`ip` too), and the value as it is written there."""

    model_config = ConfigDict(frozen=True)

    actor: str = Field(repr=False)
    kind: str
    value: str = Field(repr=False)


class MatchedValue(BaseModel):
    """A value from the lab's own file that matched with `peer`, under these match keys."""

    model_config = ConfigDict(frozen=True)

    actor: str = Field(repr=False)
    kind: str
    value: str = Field(repr=False)
    peer: str
    match_keys: tuple[str, ...]


class MatchedValues(BaseModel):
    """The answer to a file: what matched, in the file's order, and how many rows could not be read as their kind."""

    model_config = ConfigDict(frozen=True)

    values: tuple[MatchedValue, ...]
    unread: int


class RuleView(BaseModel):
    """A rule of strength in words; `strength` is None for a rule of rarity, which lowers what others give."""

    model_config = ConfigDict(frozen=True)

    strength: str | None
    words: str
