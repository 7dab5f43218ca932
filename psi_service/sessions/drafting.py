"""An Offer as it is drafted: what the plan, the frozen sets, engines and keys come to in one text."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import cast

from psi_core.engines.interface import Engine
from psi_core.identity.card import Card
from psi_core.session.counter import ZEROS
from psi_core.session.opening import PROTOCOL, EngineName, Lane, Offer, SessionLabels
from psi_service.clock import instant
from psi_service.consortium.service import ConsortiumKey
from psi_service.log import cosigned
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.epoch_keys import LaneKey, LaneKeys
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.increments import Step
from psi_service.sessions.plan import Plan
from psi_service.sessions.surroundings import Surroundings


class Drafting:
    """Writes Offers; signs and logs nothing."""

    def __init__(self, desk: Desk, around: Surroundings, checkpoints: Checkpoints) -> None:
        self._desk = desk
        self._around = around
        self._checkpoints = checkpoints

    async def draft(
        self,
        plan: Plan,
        peer: Card,
        key: ConsortiumKey,
        frozen: tuple[Frozen, ...],
        engines: list[Engine],
        keys: LaneKeys,
        steps: tuple[Step, ...],
        labels: SessionLabels | None,
    ) -> Offer:
        """The Offer but for its counter and previous record, which the transaction that logs it fills in."""
        now = self._desk.clock()
        checkpoint = await self._checkpoints.own()
        size = cosigned.size_of(checkpoint)
        lanes = [
            await self._lane(engine, each, own, size, step)
            for engine, each, own, step in zip(engines, frozen, keys, steps, strict=True)
        ]
        return Offer(
            protocol=PROTOCOL,
            initiator=self._desk.lab,
            responder=peer.lab,
            session_id=plan.session_id,
            agreement=plan.agreement.hash().hex(),
            period=plan.agreement.period_at(now),
            consortium_key_id=key.key_id,
            profile=key.profile,
            direction=plan.direction,
            reveal=plan.reveal,
            labels=labels,
            lanes=tuple(lanes),
            nonce=secrets.token_hex(32),
            checkpoint=checkpoint.decode(),
            counter=1,
            previous=ZEROS.hex(),
            expires=instant(now + timedelta(seconds=self._around.limits.offer_seconds)),
        )

    async def _lane(
        self, engine: Engine, frozen: Frozen, key: LaneKey | None, log_size: int, step: Step
    ) -> Lane:
        return Lane(
            match_key=frozen.match_key,
            engine=cast(EngineName, engine.name),
            variant=engine.variant,
            padded_size=frozen.snapshot.padded_size,
            snapshot=frozen.snapshot.root.hex(),
            parameters={},
            key=await self._around.keys.evidence(key, log_size),
            generations=step.terms,
        )
