"""From an accepted session to the items and the engine machines of its lanes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from psi_core.engines.interface import Engine, LaneContext, LaneLabels, Worker
from psi_core.engines.labels import bound_to
from psi_core.engines.oprf.bundle import BundleHeader, evaluated
from psi_core.engines.oprf.delta_lane import DeltaLane
from psi_core.engines.oprf.kept_run import KeptRun
from psi_core.engines.oprf.lane import KeepChunk, OprfLane, item_domain
from psi_core.engines.oprf.segment import Left
from psi_core.engines.questions import LABEL_SIZES
from psi_core.engines.vole.lane import VoleLane, run_context
from psi_core.session.closing import Chunks
from psi_core.session.items import (
    CANARY_PLACES,
    PRIVATE_CANARIES,
    LaneItems,
    LanePlaces,
    domain,
    dummy,
    fill,
    items_of,
    shared_canaries,
)
from psi_core.session.results import SALT_BYTES
from psi_core.session.roles import RECEIVER_OF_RUN, other, runs
from psi_service.sessions.generations import Made
from psi_service.sessions.lane_runs import LaneRun
from psi_service.sessions.open_resumption import OpenResumption
from psi_service.sessions.open_session import OpenSession

_LABEL_SIZES = frozenset(LABEL_SIZES.values())


class _Remembers(Protocol):
    """A machine of engine `oprf`, whole or incremental."""

    def left(self) -> Left: ...


def private_canaries(lanes: int) -> list[tuple[bytes, ...]]:
    """Per lane 8 private canaries, or a pure sender's fresh dummies: made alike, for neither can match anything."""
    return [
        tuple(dummy(secrets.token_bytes(SALT_BYTES)) for _ in range(PRIVATE_CANARIES)) for _ in range(lanes)
    ]


def fill_lanes(
    session: OpenSession, engines: tuple[Engine, ...], canaries: Sequence[tuple[bytes, ...]]
) -> tuple[LaneItems, ...]:
    """The items of every lane: snapshot elements and canaries in the lane's own domain. Heavy: run it in a thread.

    canaries: per lane the private ones.
    """
    nonces = (bytes.fromhex(session.offer.nonce), bytes.fromhex(session.accept.nonce))
    filled = []
    for number, (frozen, key) in enumerate(zip(session.frozen, session.keys, strict=True)):
        where = domain(session.ctx, frozen.match_key) if key is None else item_domain(key.statement)
        shared = shared_canaries(session.consortium_key, *nonces, session.ctx, number)
        private = canaries[number]
        step = session.increments[number]
        if step is not None and step.set_items is not None:
            last = items_of(where, [*shared, *private])
            filled.append(LaneItems(step.set_items + last, LanePlaces(len(step.set_items))))
        else:
            width = engines[number].item_bytes
            filled.append(fill(where, frozen.snapshot.elements, shared, private, width=width))
        frozen.release()
    return tuple(filled)


def bundle_headers(session: OpenSession) -> list[BundleHeader]:
    """The lanes whose chunks are evidence: those of engine `oprf`."""
    found = []
    for number, (mine, theirs) in enumerate(zip(session.offer.lanes, session.accept.lanes, strict=True)):
        if session.keys[number] is not None:
            items = evaluated(
                session.offer.direction,
                theirs.parameters,
                initiator=mine.padded_size,
                responder=theirs.padded_size,
            )
            found.append(
                BundleHeader(
                    session_id=session.session_id, lane=number, match_key=mine.match_key, items=items
                )
            )
    return found


def build_machines(
    session: OpenSession,
    lanes: tuple[LaneItems, ...],
    engines: tuple[Engine, ...],
    worker: Worker,
    keepers: Mapping[int, KeepChunk],
    kept: OpenResumption | None = None,
) -> list[LaneRun]:
    """A fresh machine for each run of each lane, in the order in which they start. Raises EngineFault.

    keepers: by lane, what takes the proven chunks of engine `oprf`. kept: where the session may go on after a break,
    what takes its progress.
    """
    found = []
    for number, (items, engine) in enumerate(zip(lanes, engines, strict=True)):
        for run in runs(session.offer.direction, one_for_both=engine.one_run_for_both):
            kept_run = None if kept is None else kept.run(number)
            context = _context(session, number, run, items, keepers.get(number), kept_run)
            receives = RECEIVER_OF_RUN[run] == session.side
            make = engine.receiver if receives else engine.sender
            found.append(LaneRun(number, run, make(context, worker), receives))
    return found


def proven_chunks(
    lane_runs: list[LaneRun], lanes: int, made: Mapping[int, Made]
) -> tuple[Chunks | None, ...]:
    """Per lane, what stands in the record for its proven chunks; None where the engine proves nothing.

    made: the lanes' generations, by lane.
    """
    found: list[Chunks | None] = [None] * lanes
    for each in lane_runs:
        hashes = getattr(each.machine, "chunk_hashes", None)
        if hashes is not None:
            name = made[each.lane].left.name
            found[each.lane] = Chunks(
                root=hashes.root().hex(),
                count=hashes.count,
                generation=name.number,
                generation_hash=name.hash.hex(),
            )
    return tuple(found)


def made_generations(session: OpenSession, lane_runs: list[LaneRun]) -> dict[int, Made]:
    """The generation that each `oprf` lane makes, by lane; once its machine is done. Heavy: run it in a thread."""
    made = {}
    for each in lane_runs:
        key = session.keys[each.lane]
        if key is not None:
            machine = cast(_Remembers, each.machine)
            step = session.increments[each.lane]
            before = step.generation if step else None
            name = session.frozen[each.lane].match_key
            made[each.lane] = Made(name, key.statement, before, machine.left())
    return made


def _labels(session: OpenSession, number: int, run: int) -> LaneLabels | None:
    """The labels of one run: the sender's; where one run serves both, the receiver's too."""
    one_run = session.keys[number] is not None and session.offer.direction == "both"
    givers = RECEIVER_OF_RUN if one_run else (other(RECEIVER_OF_RUN[run]),)
    sizes = {side: session.label_size(number, side) for side in givers}
    if not any(sizes.values()):
        return None
    sent, received = sizes.get(session.side, 0), sizes.get(other(session.side), 0)
    lane = session.accept.lanes[number]
    return LaneLabels(
        sent=sent,
        received=received,
        # Nothing is said of canaries.
        own=bytes(session.frozen[number].labels.buffer) + bytes(sent * CANARY_PLACES) if sent else b"",
        bound_to=bound_to(bytes.fromhex(session.offer.agreement), lane.match_key),
    )


def _context(
    session: OpenSession,
    number: int,
    run: int,
    items: LaneItems,
    keep_chunk: KeepChunk | None,
    kept: KeptRun | None,
) -> LaneContext:
    lane, key = session.accept.lanes[number], session.keys[number]
    plain = LaneContext(
        match_key=lane.match_key,
        items=items.items,
        peer_size=session.peer_size(number),
        parameters={name: value for name, value in lane.parameters.items() if name not in _LABEL_SIZES},
        reveal=session.offer.reveal,
        labels=_labels(session, number, run),
    )
    if lane.engine == "vole":
        return VoleLane(**vars(plain), context=run_context(session.ctx, number, run))
    if key is not None:
        returns = session.offer.direction == "both"
        step = session.increments[number]
        facts: dict[str, Any] = {
            "ctx": session.ctx,
            "statement": key.statement,
            "returns": returns,
            "key": key.own,
        }
        if keep_chunk is not None:
            facts["keep_chunk"] = keep_chunk
        if kept is not None:
            facts["kept"] = kept
        if step is None:
            return OprfLane(**vars(plain), **facts, caches=True)
        return DeltaLane(**vars(plain), **facts, generation=step.generation, begun=step.take_known())
    return plain
