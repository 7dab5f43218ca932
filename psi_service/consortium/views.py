"""What is shown of a consortium and of invites. No key is ever in a view."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ConsortiumView(BaseModel):
    """A consortium that this node is or was in."""

    model_config = ConfigDict(frozen=True)

    key_id: str = Field(description="Names the consortium key, 16 hex digits; it is not the key.")
    name: str
    profile: str = Field(description="The normalisation profile that its fingerprints are made by.")
    origin: str = Field(description="The lab that made the key, or that invited this one.")
    current: bool = Field(description="Whether imports and sessions use it now.")
    created: str


class InviteView(BaseModel):
    """An invite that another lab sent and nobody here has answered."""

    model_config = ConfigDict(frozen=True)

    hash: str = Field(description="The invite's text hash, 64 hex digits; its beginning is enough to join.")
    lab: str = Field(description="The lab that sent it.")
    consortium: str
    key_id: str
    profile: str
    received: str


class SentInvite(BaseModel):
    """An invite that this node made for another lab."""

    model_config = ConfigDict(frozen=True)

    lab: str
    key_id: str
    note: str = Field(description="The signed note: the other lab can be handed it as a file.")
    delivered: str | None = Field(description="What the other node answered, if it took the invite.")
    fault: str | None = Field(description="Why it was not delivered, in words.")
