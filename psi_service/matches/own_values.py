"""Which values of the lab's own file matched. The store holds no values, so they can only come from the lab itself.

A row of the file is fingerprinted again, as an import would, and compared with what matched for its own
actor. Rows of actors without a match are passed over unread. No fingerprint leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database

from psi_core.errors import InputError, InvalidMatchKey
from psi_core.kinds.canonical import derived, resolved
from psi_core.kinds.fingerprint import fingerprint
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_service import sealing
from psi_service.actors.reference import clean_reference
from psi_service.matches.views import MatchedValue, MatchedValues, OwnValue

_MATCHED = """
    SELECT actors.lookup, m.peer, m.match_key, m.fingerprint FROM matches m JOIN actors ON actors.id = m.actor
    WHERE (:peer IS NULL OR m.peer = :peer) AND (:all OR NOT EXISTS (
        SELECT 1 FROM matches f WHERE f.peer = m.peer AND f.actor = m.actor AND f.match_key = m.match_key
            AND f.status = 'false positive'))
"""
# Only joined match keys need the actor's other fingerprints.
_PARTS = """
    SELECT actors.lookup, kind, fingerprint FROM indicators JOIN actors ON actors.id = indicators.actor WHERE
    actors.id IN (SELECT actor FROM matches WHERE match_key LIKE '%+%' AND (:peer IS NULL OR peer = :peer))
"""


@dataclass(frozen=True, slots=True)
class MatchedActor:
    """What matched for one own actor: fingerprints by peer and match key, and its stored ones by kind."""

    matched: dict[tuple[str, str], set[bytes]] = field(default_factory=dict, repr=False)
    by_kind: dict[str, list[bytes]] = field(default_factory=dict, repr=False)


def read_matched(
    db: Database, peer: str | None, *, include_false_positives: bool
) -> dict[bytes, MatchedActor]:
    """Own actors with a match, by the lookup of their reference."""
    found: dict[bytes, MatchedActor] = {}
    parameters = {"peer": peer, "all": include_false_positives}
    for lookup, other, match_key, element in db.conn.execute(_MATCHED, parameters):
        actor = found.setdefault(lookup, MatchedActor())
        actor.matched.setdefault((other, match_key), set()).add(element)
    for lookup, kind, value in db.conn.execute(_PARTS, {"peer": peer}):
        if lookup in found:
            found[lookup].by_kind.setdefault(kind, []).append(value)
    return found


def matched_values(
    actors: Mapping[bytes, MatchedActor],
    rows: Sequence[OwnValue],
    *,
    data_key: bytes,
    consortium_key: bytes,
    region: str | None,
) -> MatchedValues:
    """Which of `rows` matched, in their order; one answer for each peer that a row matched with."""
    values: list[MatchedValue] = []
    unread = 0
    for row in rows:
        try:
            actor = actors.get(sealing.lookup(data_key, clean_reference(row.actor)))
            if actor is None:
                continue
            found = _matched_keys(actor, row, consortium_key, region)
        except InputError:
            unread += 1
            continue
        values += [
            MatchedValue(actor=row.actor, kind=row.kind, value=row.value, peer=peer, match_keys=tuple(keys))
            for peer, keys in found.items()
        ]
    return MatchedValues(values=tuple(values), unread=unread)


def _matched_keys(
    actor: MatchedActor, row: OwnValue, consortium_key: bytes, region: str | None
) -> dict[str, list[str]]:
    """Match keys under which this value, or one derived from it, matched; by peer. Raises InvalidIndicator."""
    kind, form = resolved(row.kind, row.value, region=region)
    own = [(each, fingerprint(consortium_key, each, value)) for each, value in _with_derived(kind, form)]
    found: dict[str, list[str]] = {}
    for (peer, name), elements in sorted(actor.matched.items()):
        key = MatchKey.parse(name)
        if any(not elements.isdisjoint(_elements(key, actor, each, consortium_key)) for each in own):
            found.setdefault(peer, []).append(name)
    return found


def _with_derived(kind: str, form: str) -> Iterator[tuple[str, str]]:
    yield kind, form
    yield from derived(kind, form)


def _elements(
    key: MatchKey, actor: MatchedActor, own: tuple[str, bytes], consortium_key: bytes
) -> tuple[bytes, ...]:
    """The elements of a match key that this one value takes part in; none when its kind is not in the name."""
    kind, value = own
    stored = next((kinds for kinds in map(stored_kinds, key.kinds) if kind in kinds), None)
    if stored is None:
        return ()
    alone: dict[str, list[bytes]] = {other: [] for other in stored}
    alone[kind] = [value]
    try:
        return key.fingerprints(consortium_key, {**actor.by_kind, **alone})
    except InvalidMatchKey:
        # More was imported since; the session that matched left such an actor out of this match key.
        return ()
