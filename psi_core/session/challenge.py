"""A spot check's challenge: which leaves of a logged snapshot a lab is asked to show.

    seed       SHA-256("psi-challenge/v1", checkpoint text, nonce, entry, commitment)
    turn n     SHA-256("psi-challenge-draw/v1", seed, n) picks one of the leaves that are not drawn yet

The checkpoint holds the snapshot's entry and was cosigned by a witness, so the set was fixed before anybody could
know the positions; the nonce is the auditor's own, so the lab cannot have chosen them either. Fields of a hash are
each preceded by their length.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from psi_core.errors import InvalidText, VerificationError
from psi_core.kinds.fields import lengths
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.note import MAX_NOTE, Note
from psi_core.log.signed_text import Count, Hex16, Hex32, LabName, SignedText
from psi_core.session.items import CANARY_PLACES
from psi_core.session.opening import MatchKeyName

MAX_DRAWN = 128
"""Most leaves of one challenge: with 128, a set of which 5 % cannot be shown escapes once in 700."""
MAX_CHECKPOINT = 16 * 1024

_DRAW = "psi-challenge-draw/v1"


class Challenge(SignedText):
    """What an auditor asks of `lab` about the snapshot in entry `entry` of its log. It bears no signature.

    `checkpoint` is the cosigned note; `nonce` has 32 bytes; `count` leaves are drawn, 1 to 128.
    """

    TYPE: ClassVar[str] = "psi-challenge/v1"

    lab: LabName
    entry: Count
    session_id: Hex16
    match_key: MatchKeyName
    padded_size: Annotated[Count, Field(gt=CANARY_PLACES)]
    commitment: Hex32
    checkpoint: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CHECKPOINT)]
    nonce: Hex32
    count: Annotated[int, Field(ge=1, le=MAX_DRAWN)]

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a challenge file, at most 64 KiB. Raises InvalidText, InvalidNote, InvalidCheckpoint.

        Also refused: more leaves than the set has, and a checkpoint of before the snapshot.
        """
        if len(data) > MAX_NOTE:
            raise InvalidText(f"a challenge has at most {MAX_NOTE:,} bytes")
        try:
            challenge = cls.from_text(data.decode())
        except UnicodeDecodeError:
            raise InvalidText("a challenge is text in UTF-8") from None
        challenge.check_bounds()
        return challenge

    @property
    def leaves(self) -> int:
        """Leaves of the set: fingerprints and dummies. The canaries of a session are not among them."""
        return self.padded_size - CANARY_PLACES

    @property
    def head(self) -> Checkpoint:
        """The checkpoint, its signatures not checked. Raises InvalidNote, InvalidCheckpoint."""
        return Checkpoint.parse(Note.parse(self.checkpoint.encode()).text)

    def check_bounds(self) -> None:
        """Raise InvalidText for more leaves than there are, VerificationError for a checkpoint before the snapshot."""
        if self.count > self.leaves:
            raise InvalidText(f"the set has {self.leaves:,} leaves: fewer than the challenge draws")
        if self.head.size <= self.entry:
            raise VerificationError(
                f"the checkpoint holds {self.head.size:,} entries, and not the snapshot in entry {self.entry}: "
                "take one that was cosigned later"
            )

    def positions(self) -> tuple[int, ...]:
        """The positions that are drawn, `count` different ones in rising order.

        Every choice is as likely as any other, but for less than one part in 2^200.
        """
        seed = hashlib.sha256(
            lengths(
                self.TYPE,
                self.head.text(),
                bytes.fromhex(self.nonce),
                self.entry.to_bytes(8, "big"),
                bytes.fromhex(self.commitment),
            )
        ).digest()
        # Fisher and Yates: turn n swaps place n with one at or behind it. Only what moved is kept.
        moved: dict[int, int] = {}
        drawn = []
        for turn in range(self.count):
            digest = hashlib.sha256(lengths(_DRAW, seed, turn.to_bytes(4, "big"))).digest()
            place = turn + int.from_bytes(digest, "big") % (self.leaves - turn)
            drawn.append(moved.get(place, place))
            moved[place] = moved.get(turn, turn)
        return tuple(sorted(drawn))
