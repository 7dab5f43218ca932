"""Freezing the sets that a session uses: one snapshot per match key, with salts kept towards the peer."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlite_utils

from psi_core.kinds.match_key import MatchKey
from psi_core.session.items import CANARY_PLACES, dummy, padded_size
from psi_core.session.packed import NOWHERE, Packed, absent, find, gather
from psi_core.session.snapshot import SALT_BYTES, Members, Snapshot, freeze
from psi_service.sessions.labelling import Labelling
from psi_service.sessions.mapped import Mapped
from psi_service.sessions.members import Changes, Dummy, Known, known_members
from psi_service.sessions.owned import ACTOR_BYTES, Owned, owned_elements

Untagged = Callable[[Sequence[bytes]], list[int]]
"""Places of those of these elements that a cached generation does not know."""


@dataclass(frozen=True)
class Room:
    """How a set is frozen that engine `oprf` sends: with dummies to spare, so that it can change by whole buckets.

    most: the agreement's largest run; a set that would pass it with the spare dummies goes without them.
    untagged: of the generation that the run builds on; None: the run is full.
    """

    bucket: int
    most: int
    untagged: Untagged | None = field(default=None, repr=False)


@dataclass(frozen=True, repr=False)
class Frozen:
    """One match key's snapshot towards one peer, and what freezing it changed: views of one mapped file.

    `changes` wait for `members.enter`, in the transaction that logs the commitment. `labels` are what this lab says of
    each element, zeros for dummies; in memory, for what is sealed in the store must not lie in a file. None: empty.
    `stands` says whether nothing was purged since; where nobody watches, that is not known.
    """

    snapshot: Snapshot
    changes: Changes
    labels: Packed
    owned: Owned
    file: Mapped
    stands: Callable[[], bool] = field(default=lambda: False)

    @property
    def match_key(self) -> str:
        """The match key's name."""
        return self.snapshot.match_key

    @property
    def left_out(self) -> int:
        """How many actors' combinations were too many for this match key."""
        return self.owned.left_out

    def actors(self, place: int) -> tuple[int, ...]:
        """The actors (row ids) that the element at this place of the snapshot stands for; none for a dummy."""
        return () if self.snapshot.is_dummy(place) else self.owned.actors_at(self.snapshot.order[place])

    def release(self) -> None:
        """Give the memory back until something is read again."""
        self.file.release()


def freeze_match_key(
    db: sqlite_utils.Database,
    folder: Path,
    *,
    peer: str,
    match_key: str,
    consortium_key: bytes,
    padding_bucket: int,
    now: str,
    room: Room | None = None,
    keeps_spare: bool = False,
    labelling: Labelling | None = None,
) -> Frozen:
    """Read the set of one match key as it stands `now` (RFC 3339; expired indicators are not in it) and commit to it.

    Writes nothing to the store. The snapshot lies in a file without a name in `folder`. An actor with more than 64
    combinations of a joined key is left out of that key and counted. `keeps_spare`: dummies that are not needed now
    keep their salts, for a set that engine `oprf` sends in sessions of the other direction. `labelling`: what this lab
    says of the elements, where that goes along.
    """
    owned = owned_elements(db, MatchKey.parse(match_key), consortium_key, now)
    known = known_members(db, peer, match_key)
    count = len(owned.elements)
    size = padded_size(count, padding_bucket)
    if room is not None and size + room.bucket <= room.most:
        size += room.bucket
    wanted = size - CANARY_PLACES - count
    kept, spare = _rotated(owned.elements, known.dummies, room, wanted, keeps_spare=keeps_spare)
    drawn = [_new_dummy() for _ in range(wanted - len(kept))]
    salts, new = _salts(owned.elements, known)
    left = _left(owned.elements, len(new), known.elements)
    dropped = {dummy for dummy, _ in known.dummies}.difference(dummy for dummy, _ in (*kept, *spare))
    # Large lists go to the file as soon as they are made, and are let go of: freezing must not need more memory than
    # the run.
    del known
    with Mapped(folder) as file:
        parts = _Parts(
            ends=file.add(owned.ends.cast("B")),
            actors=file.add(owned.actors.buffer),
            entered=file.add(gather(owned.elements, new).buffer, *(element for element, _ in drawn)),
            salts=file.add(gather(salts, new).buffer, *(salt for _, salt in drawn)),
            left=file.add(left.buffer),
        )
        dummies = (*kept, *drawn)
        elements = owned.elements + Packed.of(element for element, _ in dummies)
        left_out = owned.left_out
        said = None if labelling is None else labelling.labels(db, MatchKey.parse(match_key), owned, now)
        del owned
        salts += Packed.of((salt for _, salt in dummies), SALT_BYTES)
        snapshot = freeze(match_key, Members(elements, salts, count), size)
        del elements, salts
        held = file.add(snapshot.elements.buffer), file.add(snapshot.order.cast("B"))
    return Frozen(
        snapshot=replace(snapshot, elements=Packed(file.part(held[0])), order=file.part(held[1]).cast("I")),
        labels=Packed() if said is None else _in_order(said, snapshot),
        changes=parts.changes(file, len(new), tuple(dummy for dummy, _ in spare), tuple(sorted(dropped))),
        owned=parts.owned(file, left_out),
        file=file,
    )


def _in_order(labels: Packed, snapshot: Snapshot) -> Packed:
    """Labels of the elements, in the snapshot's order; zeros for dummies."""
    places = array("I", (NOWHERE if at >= snapshot.true else at for at in snapshot.order))
    return gather(labels, places)


@dataclass(frozen=True)
class _Parts:
    """Where the lists beside a snapshot lie in its file."""

    ends: int
    actors: int
    entered: int
    salts: int
    left: int

    def changes(
        self, file: Mapped, true: int, spare: tuple[bytes, ...], dropped: tuple[bytes, ...]
    ) -> Changes:
        return Changes(
            entered=Packed(file.part(self.entered)),
            salts=Packed(file.part(self.salts), SALT_BYTES),
            true=true,
            left=Packed(file.part(self.left)),
            spare=spare,
            dropped=dropped,
        )

    def owned(self, file: Mapped, left_out: int) -> Owned:
        return Owned(
            Packed(), file.part(self.ends).cast("I"), Packed(file.part(self.actors), ACTOR_BYTES), left_out
        )


def _new_dummy() -> Dummy:
    salt = secrets.token_bytes(SALT_BYTES)
    return dummy(salt), salt


def _salts(owned: Packed, known: Known) -> tuple[Packed, array[int]]:
    """The salts of all elements of the set, and the places of those for which they are fresh."""
    if not len(known.elements):
        return Packed(secrets.token_bytes(SALT_BYTES * len(owned)), SALT_BYTES), array("I", range(len(owned)))
    places = find(owned, known.elements)
    new = absent(places)
    if not new and len(owned) == len(known.elements):
        return known.salts, new  # The set is as it was: all that it has was known, and it has as many.
    salts = bytearray(gather(known.salts, places).buffer)
    fresh = Packed(secrets.token_bytes(SALT_BYTES * len(new)), SALT_BYTES)
    for place, salt in zip(new, fresh, strict=True):
        salts[place * SALT_BYTES : (place + 1) * SALT_BYTES] = salt
    return Packed(memoryview(salts), SALT_BYTES), new


def _left(owned: Packed, new: int, known: Packed) -> Packed:
    """Elements that are no longer in the set; `new` of the set's were not known."""
    if len(owned) - new == len(known):
        return Packed()
    return gather(known, absent(find(known, owned)))


def _rotated(
    owned: Sequence[bytes], dummies: Sequence[Dummy], room: Room | None, wanted: int, *, keeps_spare: bool
) -> tuple[Sequence[Dummy], Sequence[Dummy]]:
    """Dummies that stay in the set, and those that leave it but keep their salts.

    What an incremental run keeps of a generation has to be whole buckets, since what it adds and removes is. Dummies
    that leave are kept until the next generation counts: should this session break, the next one starts from them.
    """
    plain = dummies[:wanted], dummies[wanted:] if keeps_spare else ()
    if room is None or room.untagged is None:
        return plain
    new = set(room.untagged([element for element, _ in dummies]))
    ours = [each for place, each in enumerate(dummies) if place not in new]
    fixed, most = len(owned) - len(room.untagged(owned)), min(len(ours), wanted)
    keep = most - (fixed + most) % room.bucket
    return plain if keep < 0 else (ours[:keep], ours[keep:])
