"""Why a row was not taken."""

from __future__ import annotations

from typing import NamedTuple

MAX_DETAILS = 1000
"""Refusals that are told one by one; beyond them only their number is kept."""


class Refusal(NamedTuple):
    """Why a row was not taken: the line where it begins, the column, the kind (empty when unknown), the reason."""

    line: int
    column: str
    kind: str
    reason: str
