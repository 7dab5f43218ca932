"""From facts to rows: one for each own actor and peer, the strongest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from math import prod

from psi_core.kinds.labels import TLP, Label, merged
from psi_core.kinds.match_key import MAX_PRODUCT, MatchKey, stored_kinds
from psi_core.kinds.registry import Strength
from psi_core.kinds.strength import Evidence, strength
from psi_service.actors.reference import open_reference
from psi_service.matches.facts import Facts, KeyFacts, KindFacts, Seen
from psi_service.matches.views import KeyMatch, MatchRow, Status

_ORDER = tuple(Strength)


def build_rows(facts: Facts, data_key: bytes, *, include_false_positives: bool) -> tuple[MatchRow, ...]:
    """Rows, strongest first, then those with more matched kinds, then the last seen.

    An actor whose every match key is a false positive is left out unless asked for; one with some is judged
    by the others.
    """
    rows = []
    for (peer, actor), group in groupby(facts.keys, key=lambda key: (key.peer, key.actor)):
        keys = tuple(group)
        counting = tuple(key for key in keys if not key.false_positive)
        if not counting and not include_false_positives:
            continue
        reference = open_reference(data_key, *facts.sealed[actor])
        shown = keys if include_false_positives else counting
        rows.append(_row(facts, peer, reference, counting or keys, shown))
    rows.sort(key=lambda row: row.actor)
    rows.sort(key=lambda row: row.last_seen or "", reverse=True)
    rows.sort(key=lambda row: (_ORDER.index(Strength(row.strength)), -len(row.matched)))
    return tuple(rows)


def _row(
    facts: Facts, peer: str, reference: str, counting: Sequence[KeyFacts], shown: Sequence[KeyFacts]
) -> MatchRow:
    kinds = facts.kinds.get(counting[0].actor, {})
    found = strength(Evidence(_parsed(key.match_key).kinds, key.shared) for key in counting)
    seen = [_seen(key, kinds) for key in counting]
    matched = tuple(key.match_key for key in counting)
    could = {name for name in facts.compared.get(peer, ()) if _could_match(name, kinds)}
    return MatchRow(
        actor=reference,
        peer=peer,
        matched=matched,
        of=len(could.union(matched)),
        strength=found.strength.value,
        why=found.why,
        first_seen=min((each.first for each in seen if each.first is not None), default=None),
        last_seen=max((each.last for each in seen if each.last is not None), default=None),
        tlp=_strictest(marking for each in seen for marking in each.tlp),
        status=_status(counting),
        new=any(key.new for key in counting),
        labels=_said(label for key in counting for label in key.labels),
        match_keys=tuple(_key_match(key, kinds) for key in shown),
    )


def _key_match(key: KeyFacts, kinds: Mapping[str, KindFacts]) -> KeyMatch:
    return KeyMatch(
        match_key=key.match_key,
        matched=key.matched,
        # Indicators may have been erased since the session.
        total=max(key.matched, _elements(key.match_key, kinds)),
        shared=key.shared,
        status=_status([key]),
        new=key.new,
        labels=_said(key.labels),
    )


def _said(labels: Iterable[Label]) -> dict[str, str | int]:
    """What a peer says of several matches together, in the order of the fields."""
    return dict(merged(tuple(labels)))


def _status(keys: Sequence[KeyFacts]) -> Status:
    if all(key.false_positive for key in keys):
        return "false positive"
    return "confirmed" if any(key.confirmed and not key.false_positive for key in keys) else "to review"


def _elements(name: str, kinds: Mapping[str, KindFacts]) -> int:
    """How many elements the actor has for a match key: its indicators, or its combinations."""
    return prod(
        sum(kinds[kind].count for kind in stored_kinds(named) if kind in kinds)
        for named in _parsed(name).kinds
    )


def _could_match(name: str, kinds: Mapping[str, KindFacts]) -> bool:
    elements = _elements(name, kinds)
    return elements > 0 and (elements <= MAX_PRODUCT or not _parsed(name).joined)


def _seen(key: KeyFacts, kinds: Mapping[str, KindFacts]) -> Seen:
    """Of the matched indicators; for a joined match key, of all indicators of its kinds."""
    match_key = _parsed(key.match_key)
    if not match_key.joined:
        return key.seen
    parts = [kinds[kind].seen for named in match_key.kinds for kind in stored_kinds(named) if kind in kinds]
    return Seen(
        first=min((part.first for part in parts if part.first is not None), default=None),
        last=max((part.last for part in parts if part.last is not None), default=None),
        tlp=frozenset().union(*(part.tlp for part in parts)),
    )


def _strictest(markings: Iterable[str]) -> str | None:
    return max(markings, key=TLP.index, default=None)


@cache
def _parsed(name: str) -> MatchKey:
    return MatchKey.parse(name)
