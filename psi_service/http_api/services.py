"""What the routes call: the node's services, put together in psi_service/node/app.py and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

if TYPE_CHECKING:
    from psi_service.actors.service import ActorService
    from psi_service.agreements.service import AgreementService
    from psi_service.clock import Clock
    from psi_service.consortium.service import ConsortiumService
    from psi_service.identity.own_card import OwnCard
    from psi_service.imports.importer import Importer
    from psi_service.jobs.service import JobService
    from psi_service.log.node_log import NodeLog
    from psi_service.matches.service import MatchService
    from psi_service.metrics.metrics import Metrics
    from psi_service.peers.directory import PeerDirectory
    from psi_service.peers.probe import PeerProbe
    from psi_service.retention.service import RetentionService
    from psi_service.sessions.service import SessionService
    from psi_service.store.database import Store
    from psi_service.tokens import Tokens
    from psi_service.watching.readiness import Readiness


@dataclass(frozen=True)
class Services:
    """Everything behind the admin port, room by room."""

    card: OwnCard
    version: str
    clock: Clock
    store: Store
    log: NodeLog
    tokens: Tokens
    importer: Importer
    actors: ActorService
    retention: RetentionService
    peers: PeerDirectory
    probe: PeerProbe
    consortium: ConsortiumService
    agreements: AgreementService
    sessions: SessionService
    jobs: JobService
    matches: MatchService
    readiness: Readiness
    metrics: Metrics
    open_metrics: bool = False

    @property
    def lab(self) -> str:
        """This node's lab."""
        return self.card.card.lab


def services_of(request: Request) -> Services:
    """Dependency: the services that the application was built with."""
    services: Services = request.app.state.services
    return services
