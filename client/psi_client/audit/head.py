"""The checkpoint of an export, against keys from outside it."""

from __future__ import annotations

from collections.abc import Sequence

from psi_client.audit.facts import Head
from psi_client.audit.folder import LogFolder
from psi_core.errors import InvalidText, NotFound, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import ED25519, Verifier
from psi_core.log.note import Note


def read_head(folder: LogFolder, verifiers: Sequence[Verifier]) -> Head:
    """Read the checkpoint and check it with those of `verifiers` whose name is its origin."""
    try:
        note = Note.parse(folder.checkpoint())
        checkpoint = Checkpoint.parse(note.text)
    except (NotFound, InvalidText, VerificationError) as error:
        return Head(None, signed=False, key_given=True, fault=str(error))
    known = [each for each in verifiers if each.name == checkpoint.origin and each.type is ED25519]
    if not known:
        return Head(
            checkpoint, signed=False, key_given=False, fault=f"KEYS has no key named {checkpoint.origin}"
        )
    try:
        note.verified_by(*known)
    except VerificationError as error:
        return Head(checkpoint, signed=False, key_given=True, fault=str(error))
    return Head(checkpoint, signed=True, key_given=True, fault="")
