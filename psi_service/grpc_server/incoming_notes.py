"""Signed notes that come in, over the peers service or as a file, handed to the room that knows their type."""

from __future__ import annotations

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import InvalidText
from psi_core.identity.invite import Invite
from psi_core.log.signed_text import text_type
from psi_service.agreements.service import AgreementService
from psi_service.consortium.service import ConsortiumService


class IncomingNotes:
    """Invites go to the consortium, agreements and revocations to the agreements; other types are refused."""

    def __init__(self, consortium: ConsortiumService, agreements: AgreementService) -> None:
        self._consortium = consortium
        self._agreements = agreements

    async def received(self, lab: str, note: bytes) -> str:
        """Take a note from the pinned `lab`; returns waiting, in_force, revoked or known.

        Raises what the rooms' own `received` raise, InvalidText for another type.
        """
        match text_type(note):
            case Invite.TYPE:
                return await self._consortium.received(lab, note)
            case Agreement.TYPE | Revocation.TYPE:
                return await self._agreements.received(lab, note)
            case _:
                raise InvalidText("a delivered note is an invite, an agreement or a revocation")
