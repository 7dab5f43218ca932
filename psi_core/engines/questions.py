"""From an Offer, or an Offer and its Accept, to the policy's question, as one side or an auditor asks it."""

from __future__ import annotations

from collections.abc import Mapping

from psi_core.agreement.agreement import Agreement
from psi_core.agreement.debit import receivers
from psi_core.agreement.policy import LaneQuestion, Question
from psi_core.engines.choice import engine_of
from psi_core.engines.interface import Engine
from psi_core.engines.oprf.delta_lane import delta_parameters
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.kinds.labels import label_size
from psi_core.session.opening import (
    Accept,
    GenerationTerms,
    KeyEvidence,
    Lane,
    Offer,
    Reveal,
    SessionLabels,
)

CHANGES = ("new", "added", "removed")
"""An incremental run's own parameters: the receiver's new items, the sender's tags that come and that leave."""
RELABELLED = "relabelled"
"""One more where the sender gives labels: its tags that stay and whose label is sent again."""
LABEL_SIZES = {"initiator": "labels_initiator", "responder": "labels_responder"}
"""By the side that gives labels, the parameter that says how many bytes each has."""


def of_offer(offer: Offer, own_lab: str) -> Question:
    """What can be asked before the responder's sizes are known."""
    own = own_lab == offer.initiator
    lanes = tuple(
        LaneQuestion(
            lane.match_key,
            lane.engine,
            lane.variant,
            own_size=lane.padded_size if own else 0,
            peer_size=0 if own else lane.padded_size,
        )
        for lane in offer.lanes
    )
    return _question(offer, own_lab, lanes)


def of_accept(offer: Offer, accept: Accept, own_lab: str, engines: Mapping[str, Engine]) -> Question:
    """The whole question, with sizes of both sides and what each lane's engine lets the other lab evaluate.

    Raises KeyError for an engine that is not among `engines`.
    """
    own_is_initiator = own_lab == offer.initiator
    lanes = []
    peer_receives = (sender_side(offer.direction) == "initiator") == own_is_initiator
    for asked, answered in zip(offer.lanes, accept.lanes, strict=True):
        own, peer = (asked, answered) if own_is_initiator else (answered, asked)
        evaluations = engine(answered, engines).evaluations(
            answered.parameters, peer.padded_size, peer_receives=peer_receives
        )
        lanes.append(
            LaneQuestion(
                asked.match_key,
                asked.engine,
                asked.variant,
                own.padded_size,
                peer.padded_size,
                evaluations,
                tuple(answered.parameters[name] for name in stated(answered)),
            )
        )
    return _question(offer, own_lab, tuple(lanes))


def check_parameters(offer: Offer, accept: Accept, engines: Mapping[str, Engine]) -> None:
    """Recompute every lane's parameters from sizes and keys; raises ProtocolFault where the Accept states others."""
    for asked, answered in zip(offer.lanes, accept.lanes, strict=True):
        try:
            due = parameters(asked, answered.padded_size, offer.reveal, engines, answered.key or asked.key)
            due |= changes(asked, answered, labelled=sender_labels(offer) > 0)
            due |= label_parameters(offer, asked, engines)
        except EngineFault as fault:
            raise ProtocolFault(f"lane {asked.match_key}: {fault}") from fault
        if due != dict(answered.parameters):
            raise ProtocolFault(f"the Accept states other parameters for lane {asked.match_key} than are due")


def changes(asked: Lane, answered: Lane, *, labelled: bool) -> dict[str, int]:
    """What an incremental run adds to the parameters; {} in a full run. `labelled`: the sender gives labels.

    Raises ProtocolFault when the Accept builds on a generation, or states changes, that the Offer does not show, or
    changes of labels where none go along.
    """
    if answered.generations is None:
        return {}
    chosen = answered.generations[0]
    shown = next((each for each in asked.generations or () if same(each, chosen)), None)
    if answered.engine != "oprf" or len(answered.generations) != 1 or shown is None:
        raise ProtocolFault(
            f"the Accept builds lane {asked.match_key} on a generation that the Offer does not show"
        )
    due = (*CHANGES, RELABELLED) if labelled else CHANGES
    for name in (*CHANGES, RELABELLED):
        value, offered = getattr(chosen, name), getattr(shown, name)
        if (value is not None) != (name in due) or offered not in (None, value):
            raise ProtocolFault(f"the Accept states other changes of lane {asked.match_key} than the Offer")
    return delta_parameters(
        chosen.number, chosen.new or 0, chosen.added or 0, chosen.removed or 0, chosen.relabelled
    )


def stated(lane: Lane) -> tuple[str, ...]:
    """Names of the numbers of changes that the parameters of an Accept's lane state; none where the run is full."""
    return tuple(name for name in (*CHANGES, RELABELLED) if lane.generations and name in lane.parameters)


def sender_fields(offer: Offer) -> tuple[str, ...]:
    """The fields of the labels that the sending side of engine `oprf` gives; none where it gives none."""
    return offer.labels_of(sender_side(offer.direction))


def sender_labels(offer: Offer) -> int:
    """Bytes of each of these labels; 0 where there are none."""
    return label_size(sender_fields(offer))


def same(one: GenerationTerms, other: GenerationTerms) -> bool:
    """Whether two sides name the same generation."""
    return (one.number, one.hash) == (other.number, other.hash)


def parameters(
    asked: Lane, responder_size: int, reveal: Reveal, engines: Mapping[str, Engine], key: KeyEvidence | None
) -> dict[str, int]:
    """What the lane's engine needs for these sizes and this sender's key; both sides compute the same.

    Raises EngineFault for sizes or a key that the engine cannot run with.
    """
    found = engine(asked, engines)
    return found.parameters(responder_size, asked.padded_size, reveal) | found.key_parameters(key)


def granted_labels(
    agreement: Agreement, initiator: str, responder: str, direction: str, reveal: str
) -> SessionLabels | None:
    """The labels that may go along with a session: all that is granted to a lab that learns items in it."""
    if reveal != "items":
        return None
    learns = receivers(direction, initiator, responder)
    mine = agreement.granted(initiator) if responder in learns else ()
    theirs = agreement.granted(responder) if initiator in learns else ()
    return SessionLabels(initiator=mine or None, responder=theirs or None) if mine or theirs else None


def label_parameters(offer: Offer, lane: Lane, engines: Mapping[str, Engine]) -> dict[str, int]:
    """Bytes of each label that a side gives in this lane, as the Accept states them; {} where none go along."""
    if not engine(lane, engines).seals_labels:
        return {}
    sizes = {name: label_size(offer.labels_of(side)) for side, name in LABEL_SIZES.items()}
    return {name: size for name, size in sizes.items() if size}


def engine(lane: Lane, engines: Mapping[str, Engine]) -> Engine:
    """The lane's engine; that its variant is agreed, and can run here, is asked elsewhere."""
    return engine_of(engines, lane.engine, lane.variant) or engines[lane.engine]


def _question(offer: Offer, own_lab: str, lanes: tuple[LaneQuestion, ...]) -> Question:
    return Question(
        initiator=offer.initiator,
        responder=offer.responder,
        own_lab=own_lab,
        protocol=offer.protocol,
        profile=offer.profile,
        consortium_key_id=offer.consortium_key_id,
        direction=offer.direction,
        reveal=offer.reveal,
        period=offer.period,
        lanes=lanes,
        labels=tuple(
            (lab, fields)
            for lab, fields in (
                (offer.initiator, offer.labels_of("initiator")),
                (offer.responder, offer.labels_of("responder")),
            )
            if fields
        ),
    )
