"""Cosignatures on an export: on its checkpoint, or on the newest one that witnesses had seen (`cosigned`).

A log grows after its last exchange with a witness, so the newest cosigned checkpoint is often a little older than
the export's own. It is one more plain file beside it; any other reader of the layout passes it over.
"""

from __future__ import annotations

from collections.abc import Sequence

from psi_client.audit.facts import Witnessed
from psi_client.audit.folder import LogFolder
from psi_core.errors import InvalidText, NotFound, VerificationError
from psi_core.log import cosignature
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import COSIGNATURE, ED25519, Verifier
from psi_core.log.note import Note
from psi_core.log.witness_policy import WitnessPolicy


def read_witnessed(
    folder: LogFolder, origin: str, verifiers: Sequence[Verifier], policy: WitnessPolicy | None
) -> Witnessed:
    """Look at `checkpoint`, then at `cosigned`: the first with a cosignature that counts is taken."""
    looked = []
    for read in (folder.checkpoint, folder.cosigned):
        try:
            note = Note.parse(read())
            checkpoint = Checkpoint.parse(note.text)
        except NotFound:
            continue
        except (InvalidText, VerificationError) as error:
            looked.append(Witnessed(fault=str(error)))
            continue
        looked.append(_look(note, checkpoint, origin, verifiers, policy))
    good = [each for each in looked if each.names and not each.fault and not each.quorum]
    wrong = [each for each in looked if each.fault]
    return (wrong or good or looked or [Witnessed()])[0]


def _look(
    note: Note,
    checkpoint: Checkpoint,
    origin: str,
    verifiers: Sequence[Verifier],
    policy: WitnessPolicy | None,
) -> Witnessed:
    fault, quorum = "", None
    known = {(each.name, each.key_id): each for each in verifiers if each.type is COSIGNATURE}
    known |= {(each.name, each.key_id): each for each in policy.witnesses.values()} if policy else {}
    present = [each for each in note.signatures if (each.name, each.key_id) in known]
    log_keys = [each for each in verifiers if each.name == origin and each.type is ED25519]
    try:
        if log_keys:
            note.verified_by(*log_keys)
        if present:
            note.verified_by(*{known[each.name, each.key_id] for each in present})
    except VerificationError as error:
        fault = str(error)
    if (
        policy is not None
        and not fault
        and (not policy.logs or any(origin == log.name for log in policy.logs))
    ):
        quorum = _missing(policy, note)
    times = [cosignature.split(each.value)[0] for each in present] if not fault else []
    return Witnessed(
        size=checkpoint.size,
        root=checkpoint.root,
        names=tuple(sorted({each.name for each in present})),
        time=max(times, default=0),
        fault=fault if checkpoint.origin == origin else "a cosigned checkpoint is of another log",
        quorum=quorum,
    )


def _missing(policy: WitnessPolicy, note: Note) -> str:
    try:
        policy.check(note)
    except VerificationError as error:
        return str(error)
    return ""
