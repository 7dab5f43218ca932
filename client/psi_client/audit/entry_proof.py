"""One entry of a log, checked offline by a file of its own (c2sp.org/tlog-proof): no export is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psi_core.errors import InvalidProof, InvalidSignature
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry
from psi_core.log.key import COSIGNATURE, ED25519, Verifier
from psi_core.log.note import Note
from psi_core.log.proof import MAX_EXTRA, TlogProof
from psi_core.log.witness_policy import WitnessPolicy

MAX_PROOF_FILE = 4 * MAX_EXTRA


@dataclass(frozen=True)
class ProvenEntry:
    """An entry that is in the log `log`, of which `size` entries were signed; `cosigners` had seen it by then."""

    log: str
    position: int
    size: int
    entry: Entry
    cosigners: tuple[str, ...]


def check_proof(
    data: bytes,
    verifiers: Sequence[Verifier],
    *,
    entry: bytes | None = None,
    policy: WitnessPolicy | None = None,
) -> ProvenEntry:
    """Check a proof file of at most 256 KiB; the entry is `entry`, or the one in the file's `extra`.

    Nothing in the file is believed but what leads to a checkpoint that a key of `verifiers`, named like its origin,
    has signed. Raises InvalidProof, InvalidNote, InvalidSignature, InvalidCheckpoint, InvalidText.
    """
    proof = TlogProof.parse(data)
    content = proof.extra if entry is None else entry
    if content is None:
        raise InvalidProof("the proof file does not hold its entry: give the entry's exact bytes with it")
    note = Note.parse(proof.checkpoint)
    origin = Checkpoint.parse(note.text).origin
    known = [each for each in verifiers if each.name == origin and each.type is ED25519]
    if not known:
        raise InvalidSignature(f"KEYS has no key named {origin}")
    signer, *_ = note.verified_by(*known)
    checkpoint = proof.verify(content, signer)
    cosigners = {(each.name, each.key_id): each for each in verifiers if each.type is COSIGNATURE}
    present = {cosigners.get((each.name, each.key_id)) for each in note.signatures} - {None}
    if present:
        note.verified_by(*(each for each in present if each is not None))
    if policy is not None:
        policy.check(note)
    names = tuple(sorted(each.name for each in present if each is not None))
    return ProvenEntry(origin, proof.index, checkpoint.size, Entry.decode(content), names)
