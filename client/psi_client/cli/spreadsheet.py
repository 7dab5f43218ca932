"""Cells for people who open a CSV file in a spreadsheet: none is run as a formula (OWASP, CSV Injection)."""

from __future__ import annotations

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet reads as the beginning of a formula. The full-width signs count as the narrow ones in some."""


def harmless(cell: str) -> str:
    """`cell`, with a single quote before it where a spreadsheet would run it: it is shown as text then.

    Write every cell in double quotes too: a separator inside would begin a cell of its own.
    """
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
