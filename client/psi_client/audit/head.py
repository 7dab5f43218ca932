"""The checkpoint of an export, and those that the auditor saved, against keys from outside the export."""

from __future__ import annotations

from collections.abc import Sequence

from psi_client.audit.facts import Head, Saved
from psi_client.audit.folder import LogFolder
from psi_core.errors import InvalidConfiguration, InvalidText, NotFound, VerificationError
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


def read_saved(since: Sequence[bytes], origin: str, verifiers: Sequence[Verifier]) -> tuple[Saved, ...]:
    """Those of the auditor's saved checkpoints that are of `origin`. Raises InvalidConfiguration for no checkpoint."""
    found = []
    for data in since:
        try:
            note = Note.parse(data)
            checkpoint = Checkpoint.parse(note.text)
        except (InvalidText, VerificationError) as error:
            raise InvalidConfiguration(f"a file given as --since is no checkpoint: {error}") from None
        if checkpoint.origin != origin:
            continue
        fault = ""
        try:
            note.verified_by(*(each for each in verifiers if each.name == origin and each.type is ED25519))
        except VerificationError as error:
            fault = str(error)
        found.append(Saved(checkpoint.size, checkpoint.root, fault))
    return tuple(found)
