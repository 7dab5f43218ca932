"""Opening the leaves that a challenge draws: what each stands for, for the lab's own screen, and what the auditor gets.

A set can be opened only while its members and their salts are those that were committed to. It is built again and
its root compared; of a set that has changed nothing is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlite_utils import Database

from psi_core.errors import Conflict, InputError, InvalidText, VerificationError
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_core.kinds.registry import KINDS
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.session.challenge import Challenge
from psi_core.session.openings import Openings, OpenSet, answered, rebuild
from psi_service.actors.reference import open_reference
from psi_service.consortium.service import current_key
from psi_service.log.start_rules import check_extends, check_recovered
from psi_service.log.stored_tree import read_entry, stored_size
from psi_service.sessions.members import current_members
from psi_service.sessions.owned import owned_elements

_ACTOR = "SELECT lookup, reference FROM actors WHERE id = ?"
_ALWAYS = ""
"""Earlier than any time: what has expired since the set was frozen can still be produced until it is purged."""


@dataclass(frozen=True)
class ShownLeaf:
    """One drawn leaf as the lab sees it: a dummy, or the actors (by reference) that its fingerprint stands for."""

    position: int
    dummy: bool
    actors: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Opened:
    """What the auditor takes away, and what stays on the screen. `peer` is the lab that the set was frozen for."""

    openings: Openings
    peer: str
    leaves: tuple[ShownLeaf, ...]


def check_disclosable(match_key: str) -> None:
    """Raise InputError for a match key with a kind whose values can be enumerated."""
    kinds = [kind for named in MatchKey.parse(match_key).kinds for kind in stored_kinds(named)]
    guessable = sorted(kind for kind in kinds if KINDS[kind].enumerable)
    if guessable:
        raise InputError(
            f"fingerprints of {match_key} are never disclosed: all values of {', '.join(guessable)} can be tried "
            "by whoever has the consortium key. Leave --disclose out and show them on your screen"
        )


def open_leaves(
    db: Database, keys: NodeKeys, challenge: Challenge, now: str, *, disclose: bool = False
) -> Opened:
    """Open what `challenge` draws; `now` (RFC 3339) goes into the signed statement. Writes nothing.

    Raises Conflict when the set has changed since or a leaf stands for nothing that the store holds;
    VerificationError for a challenge that is not about this log; NodeRefusing when the log is behind it;
    InputError for what may not be disclosed.
    """
    if disclose:
        check_disclosable(challenge.match_key)
    peer = _peer(db, keys, challenge)
    members = current_members(db, peer, challenge.match_key)
    found = rebuild(challenge, members)
    leaves = tuple(_shown(db, keys, challenge, found))
    openings = answered(challenge, found, keys.document, created=now, disclose=disclose)
    return Opened(openings, peer, leaves)


def _peer(db: Database, keys: NodeKeys, challenge: Challenge) -> str:
    """The lab that the challenge's snapshot was frozen for, when the challenge is about this log."""
    if challenge.lab != keys.lab:
        raise VerificationError("the challenge is for another lab")
    challenge.check_bounds()
    check_recovered(db)
    checkpoint = Checkpoint.open(challenge.checkpoint.encode(), keys.log.verifier)
    check_extends(db, checkpoint, "the challenge's checkpoint")
    if challenge.entry >= stored_size(db):
        raise VerificationError(f"there is no entry {challenge.entry} in this log")
    try:
        entry = Entry.decode(read_entry(db, challenge.entry))
    except InvalidText as error:
        raise VerificationError(f"entry {challenge.entry} cannot be read: {error}") from None
    body = {
        "session_id": challenge.session_id,
        "match_key": challenge.match_key,
        "padded_size": challenge.padded_size,
        "commitment": challenge.commitment,
    }
    if entry.kind is not EntryKind.SNAPSHOT or entry.peer is None or entry.body != body:
        raise VerificationError(f"entry {challenge.entry} is not the snapshot that the challenge names")
    return entry.peer


def _shown(db: Database, keys: NodeKeys, challenge: Challenge, found: OpenSet) -> Iterator[ShownLeaf]:
    key = MatchKey.parse(challenge.match_key)
    secret = current_key(db, keys.data_key).key if key.joined else b""
    owned = owned_elements(db, key, secret, _ALWAYS)
    for position in challenge.positions():
        dummy = found.is_dummy(position)
        actors = owned.actors_of(found.element(position))
        if not dummy and not actors:
            raise Conflict(
                f"leaf {position} is no dummy and stands for no record of this store: nothing was opened. The next "
                "session freezes the set anew"
            )
        yield ShownLeaf(position, dummy, tuple(_reference(db, keys, actor) for actor in actors))


def _reference(db: Database, keys: NodeKeys, actor: int) -> str:
    lookup, sealed = db.conn.execute(_ACTOR, (actor,)).fetchone()
    return open_reference(keys.data_key, lookup, sealed)
