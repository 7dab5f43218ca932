"""Several logs of one lab in one audit, read in their order: each is replayed with the books of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from psi_client.audit.facts import LogFacts
from psi_client.audit.folder import LogFolder
from psi_core.errors import InputError, NotFound, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry
from psi_core.log.note import Note
from psi_core.log.succession import Continuation, number_of
from psi_core.log.tiles import TILE_WIDTH

Read = Callable[[LogFolder, LogFacts | None], LogFacts]
"""Reads one log, with the facts of the one before it if that was read."""


def read_in_order(folders: Sequence[LogFolder], read: Read) -> list[LogFacts]:
    """Read every log once, older logs of a lab first; returns them in the order of `folders`."""
    looks = [_look(folder) for folder in folders]
    order = sorted(range(len(folders)), key=lambda each: looks[each][0])
    found: dict[int, LogFacts] = {}
    for each in order:
        _, before = looks[each]
        older = [log for log in found.values() if before and log.log == before]
        found[each] = read(folders[each], max(older, key=lambda log: log.read, default=None))
    logs = [found[each] for each in range(len(folders))]
    return [replace(log, kin=_kin(log, logs)) for log in logs]


def _look(folder: LogFolder) -> tuple[int, str]:
    """The log's number, and the origin that its first entry says it continues; 0 and "" for what cannot be read."""
    try:
        head = Checkpoint.parse(Note.parse(folder.checkpoint()).text)
        first = folder.bundle(0, min(head.size, TILE_WIDTH))[0] if head.size else b""
        continuation = Continuation.of(Entry.decode(first)) if first else None
        return number_of(head.origin), continuation.origin if continuation else ""
    except (InputError, NotFound, VerificationError):
        return 0, ""


def _kin(log: LogFacts, logs: Sequence[LogFacts]) -> tuple[LogFacts, ...]:
    """The other logs that this one continues, or that continue it, one after the other."""
    chain = {log.log}
    while True:
        linked = {
            end
            for each in logs
            if each.lab == log.lab and each.succession.continues is not None
            for end in (each.log, each.succession.continues.origin)
            if chain & {each.log, each.succession.continues.origin}
        }
        if linked <= chain:
            return tuple(each for each in logs if each.log in chain and each.log != log.log)
        chain |= linked
