"""Matches as rows of a CSV file, for other tools and for people."""

from __future__ import annotations

from collections.abc import Iterable

from psi_core.kinds.labels import FIELDS
from psi_service.matches.views import MatchRow

COLUMNS = (
    "actor",
    "peer",
    "matched",
    "of",
    "strength",
    "why",
    "first_seen",
    "last_seen",
    "tlp",
    "status",
    "new",
    *(f"peer_{name}" for name in FIELDS),
)
"""Those that begin with `peer_` are what the lab in the column `peer` says."""


def csv_rows(rows: Iterable[MatchRow]) -> list[dict[str, str]]:
    """One dict a row, keys as in COLUMNS; lists are joined with `; `, what is unknown is empty."""
    return [
        {
            "actor": row.actor,
            "peer": row.peer,
            "matched": "; ".join(row.matched),
            "of": str(row.of),
            "strength": row.strength,
            "why": "; ".join(row.why),
            "first_seen": row.first_seen or "",
            "last_seen": row.last_seen or "",
            "tlp": row.tlp or "",
            "status": row.status,
            "new": "yes" if row.new else "no",
            **{f"peer_{name}": str(row.labels.get(name, "")) for name in FIELDS},
        }
        for row in rows
    ]
