"""Jobs in the store: made, paused, read. All of it inside the caller's transaction or query."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database

from psi_core.errors import NotFound
from psi_core.identity.instant import instant, moment
from psi_core.session.opening import Direction, Reveal
from psi_service.jobs.on_new import OnNew
from psi_service.jobs.wishes import Wishes


@dataclass(frozen=True)
class JobRow:
    """One job as it is kept."""

    id: int
    wishes: Wishes
    cron: str
    zone: str
    on_new: OnNew | None
    created: str
    paused: str | None
    next_due: str | None
    dues: int
    misfires: int
    overlaps: int
    new_since: str | None
    new_after: str | None

    @property
    def due(self) -> datetime | None:
        """The next due time; None while it is paused."""
        return None if self.next_due is None else moment(self.next_due)


def insert(
    db: Database,
    wishes: Wishes,
    timing: tuple[str, str],
    on_new: OnNew | None,
    created: str,
    next_due: datetime,
) -> int:
    """Keep a new job; `timing` is its cron expression and zone. Returns its number."""
    cron, zone = timing
    row = {
        "peer": wishes.peer,
        "agreement": None if wishes.agreement is None else bytes.fromhex(wishes.agreement),
        "direction": wishes.direction,
        "reveal": wishes.reveal,
        "match_keys": None if wishes.match_keys is None else json.dumps(wishes.match_keys),
        "engine": wishes.engine,
        "cron": cron,
        "zone": zone,
        "command": json.dumps(on_new.command) if on_new is not None and on_new.command else None,
        "url": on_new.url if on_new is not None and on_new.url else None,
        "created": created,
        "next_due": instant(next_due),
    }
    return cast(int, db.table("jobs").insert(row).last_pk)


def count(db: Database) -> int:
    """How many jobs there are."""
    return int(db.execute("SELECT count(*) FROM jobs").fetchone()[0])


def one(db: Database, number: int) -> JobRow:
    """One job. Raises NotFound."""
    for row in db.query("SELECT * FROM jobs WHERE id = ?", (number,)):
        return _read(row)
    raise NotFound(f"there is no job {number}; `psi jobs list` shows them all")


def every(db: Database) -> list[JobRow]:
    """All jobs by number."""
    return [_read(row) for row in list(db.query("SELECT * FROM jobs ORDER BY id"))]


def pause(db: Database, number: int, now: str) -> None:
    """Take its next due time away."""
    db.execute("UPDATE jobs SET paused = ?, next_due = NULL WHERE id = ?", (now, number))


def resume(db: Database, number: int, next_due: datetime) -> None:
    """Give it a due time again; those in between are no misfires."""
    db.execute("UPDATE jobs SET paused = NULL, next_due = ? WHERE id = ?", (instant(next_due), number))


def move(db: Database, job: JobRow, due: datetime) -> None:
    """Give it another due time, unless it has one already that `job` does not know."""
    db.execute(
        "UPDATE jobs SET next_due = ? WHERE id = ? AND next_due = ?", (instant(due), job.id, job.next_due)
    )


def remove(db: Database, number: int) -> None:
    """Forget it and its runs."""
    db.execute("DELETE FROM jobs WHERE id = ?", (number,))


def _read(row: dict[str, Any]) -> JobRow:
    match_keys = None if row["match_keys"] is None else tuple(json.loads(row["match_keys"]))
    agreement = None if row["agreement"] is None else bytes(row["agreement"]).hex()
    return JobRow(
        id=row["id"],
        wishes=Wishes(
            peer=row["peer"],
            agreement=agreement,
            direction=cast(Direction | None, row["direction"]),
            reveal=cast(Reveal, row["reveal"]),
            match_keys=match_keys,
            engine=row["engine"],
        ),
        cron=row["cron"],
        zone=row["zone"],
        on_new=_on_new(row["command"], row["url"]),
        created=row["created"],
        paused=row["paused"],
        next_due=row["next_due"],
        dues=row["dues"],
        misfires=row["misfires"],
        overlaps=row["overlaps"],
        new_since=row["new_since"],
        new_after=row["new_after"],
    )


def _on_new(command: str | None, url: str | None) -> OnNew | None:
    if command is not None:
        return OnNew(command=tuple(json.loads(command)))
    return None if url is None else OnNew(url=url)
