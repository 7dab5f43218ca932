"""What a lab answers to a challenge: its signed statement about the drawn leaves, and the path of each to the root.

By default the statement holds positions and leaf hashes alone: an auditor who also talks to the other lab could try
the values of an opened fingerprint. A leaf that is shown comes with its salt; a dummy needs no more, because it
follows from the salt (`psi_core.session.items.dummy`), and so cannot have been somebody's fingerprint.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import Conflict, InvalidProof, InvalidText, VerificationError
from psi_core.log import jcs
from psi_core.log.key import Signer, Verifier
from psi_core.log.signed_text import Count, Hex16, Hex32, Instant, LabName, SignedText, field_faults
from psi_core.log.tree import (
    HASH_LENGTH,
    MAX_PROOF,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    subtrees,
    verify_inclusion,
)
from psi_core.session.challenge import MAX_DRAWN, Challenge
from psi_core.session.items import dummy
from psi_core.session.packed import Packed, gather
from psi_core.session.snapshot import Members, freeze

MAX_OPENINGS = 1 << 20
"""Bytes of a file: a statement of at most 64 KiB, 128 paths of at most 53 hashes."""

Says = Literal["each leaf is a dummy, or stands for a record that this lab can produce"]


class OpenedLeaf(BaseModel):
    """One drawn leaf. A dummy is shown by its salt (16 bytes), anything else by salt and element (32 bytes)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    position: Count
    leaf: Hex32
    salt: Hex16 | None = None
    element: Hex32 | None = None


class Statement(SignedText):
    """What `lab` says and signs. `challenge` is the hash of the challenge's text."""

    TYPE: ClassVar[str] = "psi-openings/v1"

    lab: LabName
    challenge: Hex32
    entry: Count
    commitment: Hex32
    leaves: Annotated[tuple[OpenedLeaf, ...], Field(min_length=1, max_length=MAX_DRAWN)]
    says: Says = "each leaf is a dummy, or stands for a record that this lab can produce"
    created: Instant


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    statement: str
    paths: Annotated[
        tuple[Annotated[tuple[Hex32, ...], Field(max_length=MAX_PROOF)], ...],
        Field(min_length=1, max_length=MAX_DRAWN),
    ]


@dataclass(frozen=True)
class Openings:
    """The signed statement (a note), and for each of its leaves the path to the root, sibling of the leaf first."""

    statement: bytes
    paths: tuple[tuple[bytes, ...], ...]

    def render(self) -> bytes:
        """Return the file: canonical JSON."""
        paths = [[each.hex() for each in path] for path in self.paths]
        return jcs.encode({"statement": self.statement.decode(), "paths": paths})

    @classmethod
    def parse(cls, data: bytes) -> Openings:
        """Read a file of at most 1 MiB. Raises InvalidText. Verifies nothing."""
        jcs.decode(data, limit=MAX_OPENINGS)
        with field_faults("openings"):
            read = _File.model_validate_json(data)
        paths = tuple(tuple(bytes.fromhex(each) for each in path) for path in read.paths)
        return cls(read.statement.encode(errors="replace"), paths)

    def check(self, challenge: Challenge, document_key: Verifier) -> Statement:
        """Check everything that follows from the challenge and the lab's document key; returns the statement.

        That the commitment is in the log is not among it. Raises InvalidNote, InvalidText, InvalidSignature,
        InvalidProof, VerificationError.
        """
        statement = Statement.open(self.statement, document_key)
        if statement.challenge != challenge.hash().hex():
            raise VerificationError(
                "the openings answer another challenge: they draw with another nonce or log"
            )
        asked = (challenge.lab, challenge.entry, challenge.commitment)
        if (statement.lab, statement.entry, statement.commitment) != asked:
            raise VerificationError("the openings are of another snapshot than the challenge")
        if tuple(each.position for each in statement.leaves) != challenge.positions():
            raise VerificationError("the openings show other positions than the challenge draws")
        if len(self.paths) != len(statement.leaves):
            raise InvalidProof("the openings do not have one path for each leaf")
        root = bytes.fromhex(challenge.commitment)
        for each, path in zip(statement.leaves, self.paths, strict=True):
            verify_inclusion(each.position, challenge.leaves, bytes.fromhex(each.leaf), path, root)
            _check_shown(each)
        return statement


@dataclass(frozen=True, repr=False)
class OpenSet:
    """A snapshot that was built again: elements and salts in leaf order, and the hashes of its tree."""

    elements: Packed
    salts: Packed
    levels: tuple[bytes, ...]

    def is_dummy(self, position: int) -> bool:
        """Whether the leaf is one that its own salt proves to be a dummy."""
        return hmac.compare_digest(self.elements[position], dummy(self.salts[position]))

    def element(self, position: int) -> bytes:
        """The fingerprint or dummy at this position, 32 bytes."""
        return self.elements[position]

    def leaf(self, position: int, *, shown: bool) -> OpenedLeaf:
        """The leaf for the statement; `shown` with its salt, and with its element unless it is a dummy."""
        element, salt = self.elements[position], self.salts[position]
        named = shown and not self.is_dummy(position)
        return OpenedLeaf(
            position=position,
            leaf=leaf_hash(salt + element).hex(),
            salt=salt.hex() if shown else None,
            element=element.hex() if named else None,
        )

    def path(self, position: int) -> tuple[bytes, ...]:
        """The audit path of one leaf."""
        return tuple(inclusion_proof(position, len(self.elements), self._read))

    def _read(self, level: int, position: int) -> bytes:
        return self.levels[level][position * HASH_LENGTH : (position + 1) * HASH_LENGTH]


def rebuild(challenge: Challenge, members: Members) -> OpenSet:
    """Build the snapshot of a challenge again from the salts as they stand now.

    Raises Conflict when that set is no longer the one that was committed to.
    """
    snapshot = freeze(challenge.match_key, members, challenge.padded_size)
    same = hmac.compare_digest(snapshot.root, bytes.fromhex(challenge.commitment))
    if len(members.elements) != challenge.leaves or not same:
        raise Conflict(
            f"the snapshot in entry {challenge.entry} is no longer provable: the set has changed since, and salts "
            "of what left it are erased. Nothing was opened; ask about the newest snapshot of this match key"
        )
    elements, salts = snapshot.elements, gather(members.salts, snapshot.order)
    rows = [salt + element for element, salt in zip(elements, salts, strict=True)]
    return OpenSet(elements, salts, tuple(subtrees(leaf_hashes(rows))))


def answered(
    challenge: Challenge, found: OpenSet, document_key: Signer, *, created: str, disclose: bool
) -> Openings:
    """The drawn leaves with the lab's signed statement; with `disclose` each leaf is shown."""
    drawn = challenge.positions()
    statement = Statement(
        lab=challenge.lab,
        challenge=challenge.hash().hex(),
        entry=challenge.entry,
        commitment=challenge.commitment,
        leaves=tuple(found.leaf(position, shown=disclose) for position in drawn),
        created=created,
    )
    return Openings(statement.signed(document_key), tuple(found.path(position) for position in drawn))


def _check_shown(each: OpenedLeaf) -> None:
    if each.salt is None:
        if each.element is not None:
            raise InvalidText(f"leaf {each.position} shows an element without its salt")
        return
    salt = bytes.fromhex(each.salt)
    element = dummy(salt) if each.element is None else bytes.fromhex(each.element)
    if not hmac.compare_digest(leaf_hash(salt + element), bytes.fromhex(each.leaf)):
        what = "is no dummy" if each.element is None else "is not what it is shown to be"
        raise VerificationError(f"leaf {each.position} {what}: its salt and element give another hash")
    if each.element is not None and hmac.compare_digest(element, dummy(salt)):
        raise VerificationError(f"leaf {each.position} is a dummy, and is shown as a fingerprint")
