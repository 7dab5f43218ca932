"""Rules about what the agreement's terms allow. Their order stands in policy.py.

A rule returns nothing, or raises Refused with its code and words.
"""

from __future__ import annotations

from datetime import datetime

from psi_core.agreement.agreement import Agreement
from psi_core.agreement.debit import receivers
from psi_core.agreement.question import Question, Usage
from psi_core.agreement.refusal import listed, refused, shown
from psi_core.errors import InvalidText, Refused


def match_key(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """There is a lane, every lane's match key is agreed, and none has two lanes."""
    agreed = {terms.match_key for terms in agreement.match_keys}
    asked = [lane.match_key for lane in question.lanes]
    for name in asked:
        if name not in agreed:
            raise refused(
                agreement,
                "match_key",
                f"match key: {shown(name)} is not agreed",
                f"Agreed are {listed(sorted(agreed))}.",
            )
    if not asked or len(set(asked)) != len(asked):
        raise refused(
            agreement,
            "match_key",
            f"match key: {len(asked)} lanes for {len(set(asked))} match keys",
            "Ask for one lane per match key, and at least one.",
        )


def direction(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Every lab that would learn may learn."""
    try:
        learning = receivers(question.direction, question.initiator, question.responder)
    except InvalidText as fault:
        raise refused(
            agreement, "direction", "direction: unknown", "Ask for initiator, responder or both."
        ) from fault
    for lab in learning:
        if lab not in agreement.learns:
            raise refused(
                agreement,
                "direction",
                f"direction: {lab} would learn",
                f"Only {' and '.join(agreement.learns)} may learn: ask for another direction.",
            )


def reveal(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """What is revealed is agreed; a bare count comes from openmined, semi-honest, alone."""
    if question.reveal not in agreement.reveal:
        raise refused(
            agreement,
            "reveal",
            f"reveal: {shown(question.reveal)} is not agreed",
            f"Agreed: {', '.join(agreement.reveal)}.",
        )
    if question.reveal == "count" and any(
        (lane.engine, lane.variant) != ("openmined", "semi-honest") for lane in question.lanes
    ):
        raise refused(
            agreement,
            "reveal",
            "reveal: count is asked with an engine that reveals items",
            "Ask for engine openmined, semi-honest.",
        )


def labels(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Only granted fields go along, and only to a lab that learns items in this session."""
    learning = receivers(question.direction, question.initiator, question.responder)
    for lab, fields in question.labels:
        granted = agreement.granted(lab) if lab in agreement.labs else ()
        beyond = [name for name in fields if name not in granted]
        if beyond:
            raise refused(
                agreement,
                "labels",
                f"labels: {listed([shown(name) for name in beyond])} of {lab} asked, which it does not grant",
                f"Granted are {listed(granted)}." if granted else "It grants no labels.",
            )
        if question.reveal != "items" or agreement.other(lab) not in learning:
            raise refused(
                agreement,
                "labels",
                f"labels: those of {lab} asked, and {agreement.other(lab)} learns no items in this session",
                "Ask for labels only where their receiver learns items.",
            )


def engine(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Every lane's engine is agreed."""
    agreed = sorted({terms.engine for terms in agreement.engines})
    for lane in question.lanes:
        if lane.engine not in agreed:
            raise refused(
                agreement,
                "engine",
                f"engine: {shown(lane.engine)} is not agreed",
                f"Agreed: {', '.join(agreed)}.",
            )


def variant(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Every lane's engine runs in an agreed variant."""
    for lane in question.lanes:
        agreed = [terms.variant for terms in agreement.engines if terms.engine == lane.engine]
        if lane.variant not in agreed:
            raise refused(
                agreement,
                "variant",
                f"variant: {shown(lane.engine)} {shown(lane.variant)} is not agreed",
                f"Agreed: {', '.join(agreed) or 'none of this engine'}.",
            )


def offered_padding(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Every size that is known is a whole number of padding buckets."""
    for lane in question.lanes:
        for size in (lane.own_size, lane.peer_size):
            if size < 0 or size % agreement.padding_bucket:
                raise _padding_refused(agreement, lane.match_key, size)


def padding(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Both sizes are known, and a whole number of padding buckets; numbers of changes are whole buckets too."""
    for lane in question.lanes:
        for size in (lane.own_size, lane.peer_size):
            if size <= 0 or size % agreement.padding_bucket:
                raise _padding_refused(agreement, lane.match_key, size)
        for number in lane.changes:
            if number % agreement.delta_bucket:
                raise refused(
                    agreement,
                    "padding_bucket",
                    f"padding: {number:,} changes of {lane.match_key}, not a multiple of {agreement.delta_bucket:,}",
                    "Pad numbers of changes to whole buckets.",
                )


def offered_size(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """No set is larger than the cap of one run: every engine lets its receiver test at least its own set.

    Asked before anything is frozen and before a key is drawn for a set of that size.
    """
    for lane in question.lanes:
        cap = agreement.terms(lane.match_key).max_size
        if lane.peer_size > cap:
            raise refused(
                agreement,
                "size_cap",
                f"size cap: a set of {lane.peer_size:,} for {lane.match_key} asked, at most {cap:,} allowed",
                "Send fewer items or agree on a larger cap.",
            )


def size_cap(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """No lane lets a receiver test more than the cap of one run, nor claims to let it test nothing."""
    for lane in question.lanes:
        cap = agreement.terms(lane.match_key).max_size
        if not 0 < lane.evaluations <= cap:
            raise refused(
                agreement,
                "size_cap",
                f"size cap: {lane.evaluations:,} evaluations of {lane.match_key} in one run asked, "
                f"at most {cap:,} allowed",
                "Send fewer items or agree on a larger cap.",
            )


def protocol(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Both nodes speak the same version of the protocol."""
    if question.protocol != usage.own_protocol:
        raise refused(
            agreement,
            "protocol",
            f"protocol: {shown(question.protocol)} asked, {usage.own_protocol} spoken here",
            "Install the same version at both labs.",
        )


def profile(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Offer, agreement and node normalise by the same profile."""
    if not question.profile == agreement.profile == usage.own_profile:
        raise refused(
            agreement,
            "profile",
            f"profile: {shown(question.profile)} asked, {agreement.profile} agreed, "
            f"{usage.own_profile} used here",
            "Use the agreed normalisation profile and import again.",
        )


def consortium_key(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Offer, agreement and node use the same consortium key."""
    if not question.consortium_key_id == agreement.consortium_key_id == usage.own_key_id:
        raise refused(
            agreement,
            "consortium_key",
            "consortium key: the key ids of offer, agreement and this node differ",
            "Join the agreed consortium and import again, or agree on the new key.",
        )


def _padding_refused(agreement: Agreement, name: str, size: int) -> Refused:
    return refused(
        agreement,
        "padding_bucket",
        f"padding: a set of {size:,} for {name}, not a multiple of {agreement.padding_bucket:,}",
        "Pad each set to whole buckets.",
    )
