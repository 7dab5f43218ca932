"""One line of what the doctor found."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["ok", "warning", "fault"]


class Finding(BaseModel):
    """What was looked at, how it is, and what to do about it."""

    model_config = ConfigDict(frozen=True)

    check: str = Field(description="What was looked at.")
    state: State = Field(description="`fault`: sessions cannot run, or something may be lost.")
    words: str
    mend: str = Field(description="What mends it; empty when it is in order.")


def ok(check: str, words: str) -> Finding:
    """It is in order."""
    return Finding(check=check, state="ok", words=words, mend="")


def warning(check: str, words: str, mend: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(check=check, state="warning", words=words, mend=mend)


def fault(check: str, words: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state="fault", words=words, mend=mend)
