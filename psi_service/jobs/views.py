"""Jobs as people and the API see them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from psi_core.log.signed_text import Instant

RunState = Literal["running", "done", "refused", "failed", "interrupted"]


class RunView(BaseModel):
    """One run of a job, or several in a row that ended badly in the same way."""

    model_config = ConfigDict(frozen=True)

    id: int
    asked: bool = Field(description="Whether a person asked for it; else it was due.")
    due: Instant | None = Field(description="The newest due time that it stands for.")
    covers: int = Field(description="Due times that it stands for.")
    times: int = Field(
        description="Runs in this row: one, or those in a row that ended badly in the same way."
    )
    started: Instant
    finished: Instant | None
    state: RunState
    code: str | None = Field(description="The rule that refused, or the error's code.")
    words: str | None = Field(description="Why it did not go well.")
    attempts: int = Field(description="Sessions that were started, retries among them.")
    session_id: str | None
    actors: int | None = Field(description="Own actors that its session matched.")
    new: int | None = Field(
        description="New with this peer since the last good run: own actors, whichever session brought them; "
        "with reveal `count`, how many more matched than then."
    )
    new_in: tuple[str, ...] = Field(description="The sessions to look into for them.")
    matched: dict[str, int | None] = Field(description="By match key.")
    told: str | None = Field(description="What became of telling that something is new.")


class JobView(BaseModel):
    """One job with its last run."""

    model_config = ConfigDict(frozen=True)

    id: int
    peer: str
    agreement: str | None = Field(description="Hash; null: the only one in force with that lab when it runs.")
    direction: str | None = Field(description="Null: everyone learns who may.")
    reveal: str
    match_keys: tuple[str, ...] | None = Field(description="Null: every agreed one.")
    engine: str
    cron: str
    zone: str = Field(description="The time zone that `cron` is in.")
    on_new: str | None = Field(description="Who is told of something new: the program, or the host.")
    created: Instant
    paused: Instant | None = Field(description="Since when; null: it runs.")
    next_due: Instant | None
    running: bool
    late: bool = Field(description="Whether it has been due for more than ten minutes and does not run")
    dues: int = Field(description="Due times that have come.")
    misfires: int = Field(description="Of these, those that came while the node was down.")
    overlaps: int = Field(description="Of these, those that came while the run before was still going.")
    last: RunView | None = Field(description="The newest run.")


class JobDetail(JobView):
    """One job with its newest runs."""

    runs: tuple[RunView, ...] = Field(description="Newest first, at most 50.")
