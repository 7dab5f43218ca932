"""What is shown of an agreement."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from psi_core.agreement.agreement import Agreement

State = Literal["proposed", "waiting", "in_force", "revoked"]
"""proposed: the other lab has to accept; waiting: somebody here has to; in_force: both signed; revoked: ended."""


class Ending(BaseModel):
    """How an agreement ended: by a revocation once it was in force; by a no to a proposal, or by taking that back."""

    model_config = ConfigDict(frozen=True)

    how: Literal["revoked", "declined", "withdrawn"] = Field(
        description="declined: by the lab that was asked; withdrawn: by the lab that had proposed it."
    )
    by: str = Field(description="The lab that ended it.")
    at: str = Field(description="When that lab signed this, UTC.")
    reason: str = Field(description="That lab's words.")


class AgreementView(BaseModel):
    """An agreement, whole, and where it stands."""

    model_config = ConfigDict(frozen=True)

    hash: str = Field(description="Its text hash, 64 hex digits; its beginning is enough to name it.")
    peer: str = Field(description="The other lab.")
    state: State
    terms: Agreement = Field(description="The text that is signed.")
    note: str = Field(description="The signed note: the other lab can be handed it as a file.")
    revocation: str | None = Field(None, description="The signed note that revoked it.")
    ended: Ending | None = Field(None, description="How, by whom, when and why it ended.")
    delivered: str | None = Field(None, description="What the other node answered, when it was just sent.")
    fault: str | None = Field(None, description="Why it could not be sent, in words.")
