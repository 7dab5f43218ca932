"""Which signed texts a log holds. A lab logs whatever it signs before that leaves, so its peer can hold no more."""

from __future__ import annotations

from psi_client.audit.facts import Held, Holdings
from psi_client.audit.texts import Opened

MAX_TEXTS = 4_000_000


class HoldingReader:
    """Gathers texts of the log of `own_lab` by hash."""

    def __init__(self, own_lab: str) -> None:
        self._own_lab = own_lab
        self.found = Holdings()

    def take(self, opened: Opened, position: int) -> None:
        """Take one text."""
        if len(self.found.texts) >= MAX_TEXTS:
            return
        self.found.texts.setdefault(opened.hash, position)
        for signer in opened.verified - {self._own_lab}:
            kind = opened.text.TYPE.removeprefix("psi-").partition("/")[0]
            self.found.of_others.append(Held(signer, opened.hash, kind, position))
