"""The spot check, from the auditor's side: make a challenge about a logged snapshot, check what the lab answers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from psi_client.audit.folder import LogFolder
from psi_client.audit.sealed_set import ProvenLog, SnapshotBody, document_key
from psi_core.errors import InvalidText, NotFound, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import COSIGNATURE, ED25519, Verifier
from psi_core.log.note import Note
from psi_core.log.signed_text import field_faults
from psi_core.session.challenge import Challenge
from psi_core.session.openings import Openings


class SpotCheck(BaseModel):
    """What was checked and holds. `dummies` and `items` were shown to the auditor, the others at the lab alone."""

    model_config = ConfigDict(frozen=True)

    log: str
    lab: str
    entry: int
    used: int
    session_id: str
    match_key: str
    leaves: int
    drawn: int
    dummies: int
    items: int
    witnesses: tuple[str, ...]
    created: str
    says: str


def make_challenge(
    folder: LogFolder, verifiers: Sequence[Verifier], *, entry: int, nonce: str, count: int
) -> Challenge:
    """Draw `count` leaves (1 to 128) of the snapshot in `entry`, by the newest checkpoint that a witness cosigned.

    `nonce` is the auditor's own, 64 hexadecimal digits. Raises VerificationError for an export that is not proven
    or that no witness of `verifiers` cosigned since the snapshot; InvalidConfiguration, InvalidText.
    """
    log = ProvenLog.read(folder, verifiers)
    body = log.snapshot(entry)
    note = _cosigned(log, verifiers)
    with field_faults("challenge"):
        challenge = Challenge(
            lab=log.lab,
            entry=entry,
            session_id=body.session_id,
            match_key=body.match_key,
            padded_size=body.padded_size,
            commitment=body.commitment,
            checkpoint=note.decode(),
            nonce=nonce,
            count=count,
        )
    challenge.check_bounds()
    return challenge


def check_openings(
    challenge: Challenge, openings: Openings, folder: LogFolder, verifiers: Sequence[Verifier]
) -> SpotCheck:
    """Check a lab's answer to one's own challenge against an export of its log, of then or later.

    Raises VerificationError and its kin at the first thing that does not hold; InvalidConfiguration for a missing key.
    """
    log = ProvenLog.read(folder, verifiers)
    witnesses = _check_checkpoint(log, challenge.checkpoint.encode(), verifiers)
    body = SnapshotBody(
        session_id=challenge.session_id,
        match_key=challenge.match_key,
        padded_size=challenge.padded_size,
        commitment=challenge.commitment,
    )
    challenge.check_bounds()
    if challenge.lab != log.lab or log.snapshot(challenge.entry) != body:
        raise VerificationError(
            f"entry {challenge.entry} of the log is another snapshot than the challenge names"
        )
    used = log.check_used_after(challenge.entry, body, verifiers)
    statement = openings.check(challenge, document_key(log.lab, verifiers))
    shown = [each for each in statement.leaves if each.salt is not None]
    return SpotCheck(
        log=log.head.origin,
        lab=log.lab,
        entry=challenge.entry,
        used=used,
        session_id=body.session_id,
        match_key=body.match_key,
        leaves=challenge.leaves,
        drawn=len(statement.leaves),
        dummies=sum(each.element is None for each in shown),
        items=sum(each.element is not None for each in shown),
        witnesses=witnesses,
        created=statement.created,
        says=statement.says,
    )


def _cosigned(log: ProvenLog, verifiers: Sequence[Verifier]) -> bytes:
    """The newer of the export's two checkpoints that a witness cosigned."""
    faults = []
    for read in (log.folder.checkpoint, log.folder.cosigned):
        try:
            note = read()
            _check_checkpoint(log, note, verifiers)
        except (NotFound, InvalidText, VerificationError) as error:
            faults.append(error.message)
            continue
        return note
    raise VerificationError(f"{log.head.origin}: no checkpoint can be drawn from: {faults[0]}")


def _check_checkpoint(log: ProvenLog, data: bytes, verifiers: Sequence[Verifier]) -> tuple[str, ...]:
    """Check that the log key and a witness signed the checkpoint, and that the export continues it; the witnesses."""
    note = Note.parse(data)
    log.check_beginning(Checkpoint.parse(note.text))
    note.verified_by(*(each for each in verifiers if each.name == log.head.origin and each.type is ED25519))
    # A lab's own cosigner vouches for others' logs. Its word on its own log is worth nothing.
    others = [each for each in verifiers if each.type is COSIGNATURE and each.name != log.lab]
    signed = {(each.name, each.key_id) for each in note.signatures}
    present = [each for each in others if (each.name, each.key_id) in signed]
    if not present:
        raise VerificationError("no witness in KEYS has cosigned the checkpoint")
    return tuple(sorted(each.name for each in note.verified_by(*present)))
