"""Freezing the sets that a session uses: one snapshot per match key, with salts kept towards the peer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import sqlite_utils

from psi_core.errors import InvalidMatchKey
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_core.session.items import CANARY_PLACES, dummy, padded_size
from psi_core.session.snapshot import SALT_BYTES, Snapshot, freeze

Member = tuple[bytes, bytes, bool]
"""An element (fingerprint or dummy), its 16-byte salt, whether it is a dummy."""


Tagged = Callable[[Sequence[bytes]], set[bytes]]
"""Which of these elements a cached generation knows."""


@dataclass(frozen=True)
class Room:
    """How a set is frozen that engine `oprf` sends: with dummies to spare, so that it can change by whole buckets.

    most: the agreement's largest run; a set that would pass it with the spare dummies goes without them.
    tagged: of the generation that the run builds on; None: the run is full.
    """

    bucket: int
    most: int
    tagged: Tagged | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Frozen:
    """One match key's snapshot towards one peer, and what freezing it changed.

    `spare` are dummies that are not in it, and keep their salts for a later one.
    `owners` maps a joined fingerprint to the actors that it stands for (those of single kinds are looked up).
    `left_out` counts actors whose combinations were too many for this match key.
    """

    snapshot: Snapshot
    entered: tuple[Member, ...] = field(repr=False)
    left: tuple[bytes, ...] = field(repr=False)
    spare: tuple[bytes, ...] = field(repr=False)
    owners: Mapping[bytes, tuple[int, ...]] = field(repr=False)
    left_out: int

    @property
    def match_key(self) -> str:
        """The match key's name."""
        return self.snapshot.match_key


def freeze_match_key(
    db: sqlite_utils.Database,
    *,
    peer: str,
    match_key: str,
    consortium_key: bytes,
    padding_bucket: int,
    now: str,
    room: Room | None = None,
    keeps_spare: bool = False,
) -> Frozen:
    """Read the set of one match key as it stands `now` (RFC 3339; expired indicators are not in it) and commit to it.

    Writes nothing: `enter` does, in the transaction that logs the commitment. An actor with more than 64
    combinations of a joined key is left out of that key and counted. `keeps_spare`: dummies that are not needed now
    keep their salts, for a set that engine `oprf` sends in sessions of the other direction.
    """
    owners, left_out = owners_of_elements(db, MatchKey.parse(match_key), consortium_key, now)
    known = current_members(db, peer, match_key) | _spare_members(db, peer, match_key)
    size = padded_size(len(owners), padding_bucket)
    if room is not None and size + room.bucket <= room.most:
        size += room.bucket
    dummies_wanted = size - CANARY_PLACES - len(owners)
    dummies = [each for each in known.values() if each[2]]
    kept_dummies, spare = _rotated(list(owners), dummies, room, dummies_wanted, keeps_spare=keeps_spare)
    kept = [known[each] for each in owners if each in known and not known[each][2]]
    entered: list[Member] = [
        (each, secrets.token_bytes(SALT_BYTES), False) for each in owners if each not in known
    ]
    for _ in range(dummies_wanted - len(kept_dummies)):
        salt = secrets.token_bytes(SALT_BYTES)
        entered.append((dummy(salt), salt, True))
    members = kept + kept_dummies + entered
    staying = {element for element, _, _ in members} | {element for element, _, _ in spare}
    return Frozen(
        snapshot=freeze(match_key, members, size),
        entered=tuple(entered),
        left=tuple(element for element in known if element not in staying),
        spare=tuple(element for element, _, _ in spare),
        owners=owners,
        left_out=left_out,
    )


def _rotated(
    owned: Sequence[bytes], dummies: list[Member], room: Room | None, wanted: int, *, keeps_spare: bool
) -> tuple[list[Member], list[Member]]:
    """Dummies that stay in the set, and those that leave it but keep their salts.

    What an incremental run keeps of a generation has to be whole buckets, since what it adds and removes is. Dummies
    that leave are kept until the next generation counts: should this session break, the next one starts from them.
    """
    plain = dummies[:wanted], dummies[wanted:] if keeps_spare else []
    if room is None or room.tagged is None:
        return plain
    found = room.tagged([*owned, *(element for element, _, _ in dummies)])
    ours = [each for each in dummies if each[0] in found]
    fixed, most = sum(each in found for each in owned), min(len(ours), wanted)
    keep = most - (fixed + most) % room.bucket
    return plain if keep < 0 else (ours[:keep], ours[keep:])


def enter(db: sqlite_utils.Database, peer: str, frozen: Sequence[Frozen]) -> None:
    """Write the salts of what entered the sets and forget those of what left, in the current transaction."""
    for each in frozen:
        db.conn.executemany(
            "DELETE FROM members WHERE peer = ? AND match_key = ? AND fingerprint = ?",
            [(peer, each.match_key, element) for element in each.left],
        )
        name = (peer, each.match_key)
        db.execute("UPDATE members SET spare = 0 WHERE peer = ? AND match_key = ? AND spare = 1", name)
        db.conn.executemany(
            "UPDATE members SET spare = 1 WHERE peer = ? AND match_key = ? AND fingerprint = ?",
            [(*name, element) for element in each.spare],
        )
        db.conn.executemany(
            "INSERT INTO members (peer, match_key, fingerprint, salt, dummy) VALUES (?, ?, ?, ?, ?)",
            [
                (peer, each.match_key, element, salt, int(is_dummy))
                for element, salt, is_dummy in each.entered
            ],
        )


def current_members(db: sqlite_utils.Database, peer: str, match_key: str) -> dict[bytes, Member]:
    """The set of one match key towards one peer as it was last frozen, by element."""
    return _members(db, peer, match_key, spare=0)


def _spare_members(db: sqlite_utils.Database, peer: str, match_key: str) -> dict[bytes, Member]:
    """Dummies that were not in it, by element."""
    return _members(db, peer, match_key, spare=1)


def _members(db: sqlite_utils.Database, peer: str, match_key: str, *, spare: int) -> dict[bytes, Member]:
    rows = db.execute(
        "SELECT fingerprint, salt, dummy FROM members WHERE peer = ? AND match_key = ? AND spare = ?",
        (peer, match_key, spare),
    )
    return {element: (element, salt, bool(is_dummy)) for element, salt, is_dummy in rows}


def owners_of_elements(
    db: sqlite_utils.Database, key: MatchKey, consortium_key: bytes, now: str
) -> tuple[dict[bytes, tuple[int, ...]], int]:
    """The fingerprints of a match key's set with the actors that each stands for, and how many actors are left out.

    What had expired by `now` is not among them.
    """
    owners: dict[bytes, list[int]] = {}
    left_out = 0
    for actor, by_kind in _actors(db, key, now):
        try:
            fingerprints = key.fingerprints(consortium_key, by_kind)
        except InvalidMatchKey:
            left_out += 1
            continue
        for each in fingerprints:
            owners.setdefault(each, []).append(actor)
    return {each: tuple(actors) for each, actors in owners.items()}, left_out


def _actors(
    db: sqlite_utils.Database, key: MatchKey, now: str
) -> Iterator[tuple[int, dict[str, list[bytes]]]]:
    kinds = [kind for named in key.kinds for kind in stored_kinds(named)]
    rows: Iterator[Any] = db.execute(
        f"SELECT actor, kind, fingerprint FROM indicators WHERE kind IN ({', '.join('?' * len(kinds))})"  # noqa: S608 - only question marks
        " AND (expires_at IS NULL OR expires_at > ?) ORDER BY actor",
        (*kinds, now),
    )
    for actor, found in groupby(rows, key=lambda row: row[0]):
        by_kind: dict[str, list[bytes]] = {}
        for _, kind, fingerprint in found:
            by_kind.setdefault(kind, []).append(fingerprint)
        yield actor, by_kind
