"""The sender's key of one epoch, and the statement by which it is committed before its first use."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from psi_core import native_core
from psi_core.errors import EngineFault, InvalidProof
from psi_core.kinds.fields import lengths
from psi_core.log.signed_text import Count, Hex32, LabName, SignedText

MOST_EVALUATIONS = 1 << 30
"""Evaluations under one key: each is a static Diffie-Hellman query, and q of them cost log2(q) / 2 bits."""
MOST_TAGS = 1 << 30

_Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
_MatchKeyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}(\+[a-z0-9_]{1,40}){0,3}$")]


@dataclass(frozen=True)
class EpochKey:
    """A sender's key: 32 secret bytes, never shown. Kept sealed, in no backup, destroyed at the epoch's end."""

    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> EpochKey:
        """Draw a key; raises EngineFault without the native core."""
        check_native()
        return cls(native_core.native.oprf_secret_key())

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        check_native()
        return native_core.native.oprf_public_key(self.secret)


class KeyStatement(SignedText):
    """What a sender says of one key, logged before its first use: whose it is, what for, and how far it may go.

    possession: a Schnorr proof over everything else here that the lab holds the secret key.
    max_evaluations: items that the peer may have evaluated before the epoch ends.
    max_tags: tags that may ever be sent in the epoch. Both fix the length of tags.
    """

    TYPE: ClassVar[str] = "psi-oprf-key/v1"

    lab: LabName
    peer: LabName
    agreement: Hex32
    match_key: _MatchKeyName
    epoch: Count
    public_key: Hex32
    max_evaluations: Annotated[int, Field(ge=1, le=MOST_EVALUATIONS)]
    max_tags: Annotated[int, Field(ge=1, le=MOST_TAGS)]
    possession: _Hex64

    @property
    def tag_bits(self) -> int:
        """Bits of a tag, for the whole epoch: ceil(40 + log2 max_evaluations + log2 max_tags).

        So a false match in the whole epoch has a chance of at most 2^-40. Tags are coded as bits, so nothing is
        rounded up to bytes.
        """
        return 40 + (self.max_evaluations * self.max_tags - 1).bit_length()

    def check_possession(self) -> None:
        """Raise InvalidProof unless the lab proves that it holds this very key for this very use."""
        check_native()
        context = _context(self.model_dump(exclude={"possession"}))
        try:
            native_core.native.oprf_check_possession(
                bytes.fromhex(self.public_key), context, bytes.fromhex(self.possession)
            )
        except ValueError as fault:
            raise InvalidProof(f"oprf: {self.lab} does not prove that it holds its key: {fault}") from None


def state(
    key: EpochKey,
    *,
    lab: str,
    peer: str,
    agreement: bytes,
    match_key: str,
    epoch: int,
    max_evaluations: int,
    max_tags: int,
) -> KeyStatement:
    """The statement of a key, with its proof of possession; raises EngineFault without the native core."""
    fields: dict[str, object] = {
        "lab": lab,
        "peer": peer,
        "agreement": agreement.hex(),
        "match_key": match_key,
        "epoch": epoch,
        "public_key": key.public.hex(),
        "max_evaluations": max_evaluations,
        "max_tags": max_tags,
    }
    possession = native_core.native.oprf_prove_possession(key.secret, _context(fields))
    return KeyStatement.model_validate(fields | {"possession": possession.hex()})


def check_same(known: KeyStatement, shown: KeyStatement) -> None:
    """Raise InvalidProof when a lab shows a second key (or other caps) for an epoch whose key is known."""
    if not hmac.compare_digest(known.hash(), shown.hash()):
        raise InvalidProof(
            f"oprf: {shown.lab} shows a second key for epoch {shown.epoch} of {shown.match_key}; one epoch has one key"
        )


def check_native() -> None:
    """Raise EngineFault where the native core is not installed."""
    if not native_core.available():
        raise EngineFault("oprf: the native core is not installed. Build it with make, or use openmined.")


def _context(fields: dict[str, object]) -> bytes:
    return lengths("psi-oprf-key/v1", *(f"{name}={fields[name]}" for name in sorted(fields)))
