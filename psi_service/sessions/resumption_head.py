"""The head of a resumption's file: the frozen sets as they were, private canaries, and the receiver's seeds.

Lists imported meanwhile change nothing: a session that goes on works on the sets that it committed to.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from psi_core.errors import StoreError
from psi_core.session.packed import Buffer, Packed
from psi_core.session.snapshot import SALT_BYTES, Snapshot
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.mapped import Mapped
from psi_service.sessions.members import Changes
from psi_service.sessions.owned import ACTOR_BYTES, Owned
from psi_service.sessions.resumption_file import Kind, ResumptionFile

PIECE = 1 << 20
"""Bytes of a record: so much of a set is in memory twice while it is sealed."""

_NO_CHANGES = Changes(Packed(), Packed(b"", SALT_BYTES), 0, Packed())
"""What freezing changed is in the books since the session's Offer or Accept."""


class _Part(IntEnum):
    FACTS = 0
    ELEMENTS = 1
    ORDER = 2
    ENDS = 3
    ACTORS = 4
    LABELS = 5


@dataclass(frozen=True, repr=False)
class LaneHead:
    """What one lane of a broken session is begun with again. Secret: a seed makes all blinds of its lane.

    private: its 8 private canaries, or a pure sender's dummies, 32 bytes each. seed: 32 bytes, drawn on either side
    and used by the receiver's.
    """

    frozen: Frozen
    private: tuple[bytes, ...]
    seed: bytes = field(repr=False)


def write_head(file: ResumptionFile, lanes: Sequence[LaneHead]) -> None:
    """Write the head of a new file, and that it is whole. Heavy: run it in a thread."""
    for lane, head in enumerate(lanes):
        for part, buffer in _parts(head):
            view = memoryview(buffer).cast("B")
            # An empty part is one empty record.
            for start in range(0, max(1, len(view)), PIECE):
                file.append(Kind.PART, lane, part, bytes(view[start : start + PIECE]))
    file.append(Kind.READY, 0, len(lanes), b"")


def read_head(file: ResumptionFile, folder: Path, stands: Callable[[], bool]) -> tuple[LaneHead, ...]:
    """The head of a file that is ready; sets go to a file without a name in `folder`. Heavy: run it in a thread.

    Raises StoreError when it is damaged.
    """
    pieces: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
    lanes: list[LaneHead] = []
    for record in file.records:
        if record.kind is Kind.READY:
            break
        if record.lane > len(lanes):
            lanes.append(_lane(pieces, len(lanes), folder, stands))
        pieces[record.lane, record.number].append(file.read(record))
    lanes.append(_lane(pieces, len(lanes), folder, stands))
    return tuple(lanes)


def _parts(head: LaneHead) -> Iterator[tuple[_Part, Buffer]]:
    snapshot, owned, labels = head.frozen.snapshot, head.frozen.owned, head.frozen.labels
    facts = {
        "match_key": snapshot.match_key,
        "true": snapshot.true,
        "root": snapshot.root.hex(),
        "padded_size": snapshot.padded_size,
        "left_out": owned.left_out,
        "label_size": labels.width,
        "private": [each.hex() for each in head.private],
        "seed": head.seed.hex(),
    }
    yield _Part.FACTS, json.dumps(facts).encode()
    yield _Part.ELEMENTS, snapshot.elements.buffer
    yield _Part.ORDER, snapshot.order
    yield _Part.ENDS, owned.ends
    yield _Part.ACTORS, owned.actors.buffer
    yield _Part.LABELS, labels.buffer


def _lane(
    pieces: dict[tuple[int, int], list[bytes]], lane: int, folder: Path, stands: Callable[[], bool]
) -> LaneHead:
    try:
        facts: dict[str, Any] = json.loads(b"".join(pieces.pop((lane, _Part.FACTS))))
        with Mapped(folder) as file:
            elements, order, ends, actors = (
                file.add(*pieces.pop((lane, part)))
                for part in (_Part.ELEMENTS, _Part.ORDER, _Part.ENDS, _Part.ACTORS)
            )
        # What is sealed in the store must not lie in a file: labels stay in memory.
        labels = Packed(b"".join(pieces.pop((lane, _Part.LABELS))), facts["label_size"])
    except KeyError as error:
        raise StoreError("the file of a suspended session is damaged: its head is not whole") from error
    snapshot = Snapshot(
        facts["match_key"],
        Packed(file.part(elements)),
        file.part(order).cast("I"),
        facts["true"],
        bytes.fromhex(facts["root"]),
        facts["padded_size"],
    )
    owned = Owned(
        Packed(), file.part(ends).cast("I"), Packed(file.part(actors), ACTOR_BYTES), facts["left_out"]
    )
    return LaneHead(
        Frozen(snapshot, _NO_CHANGES, labels, owned, file, stands),
        tuple(bytes.fromhex(each) for each in facts["private"]),
        bytes.fromhex(facts["seed"]),
    )
