"""What an audit says: claims, each proven, broken or not provable, with the entries that show it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from psi_core.errors import VerificationError


class State(StrEnum):
    """`not provable` means that the folders and keys at hand do not suffice, never that all is well."""

    PROVEN = "proven"
    BROKEN = "broken"
    NOT_PROVABLE = "not provable"


class Place(BaseModel):
    """One entry of one log: the log's origin and the position, from 0."""

    model_config = ConfigDict(frozen=True)

    log: str
    position: int


class Claim(BaseModel):
    """One claim: a stable name, the logs it speaks of, its state, a sentence, and at most 16 entries at fault."""

    model_config = ConfigDict(frozen=True)

    name: str
    logs: tuple[str, ...]
    state: State
    words: str
    entries: tuple[Place, ...] = ()


class SeenLog(BaseModel):
    """A log as it was looked at: its origin (or folder), the size and root of its checkpoint (64 hex digits)."""

    model_config = ConfigDict(frozen=True)

    log: str
    size: int
    root: str


class Report(BaseModel):
    """Every claim that was looked at, in the order of the claim tables, and the logs that they speak of."""

    model_config = ConfigDict(frozen=True)

    claims: tuple[Claim, ...]
    heads: tuple[SeenLog, ...] = ()

    def count(self, state: State) -> int:
        """Return how many claims are in `state`."""
        return sum(claim.state is state for claim in self.claims)

    @property
    def unproven(self) -> str:
        """The first claim that is broken, or must be proven and is not, in words; empty when there is none."""
        for claim in self.claims:
            if claim.state is State.BROKEN or (claim.name in NEEDED and claim.state is not State.PROVEN):
                return f"{', '.join(claim.logs)}: {claim.name} is {claim.state}: {claim.words}"
        return ""

    def check(self) -> None:
        """Raise VerificationError when a claim is broken, or one that every audit must prove is not proven."""
        if self.unproven:
            raise VerificationError(self.unproven)


NEEDED = frozenset(
    {
        "checkpoint signed",
        "entries unmodified and in order",
        "tree root matches signed checkpoint",
        "entries well-formed",
    }
)
"""Without these an export says nothing: they must be proven for every log."""
