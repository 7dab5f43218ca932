"""The page that Prometheus scrapes: what the store says, and what this process has counted since it started."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from psi_service.clock import Clock
from psi_service.log.node_log import NodeLog
from psi_service.metrics.families import families
from psi_service.metrics.figures import read_figures
from psi_service.sessions.progress import Progress, Role
from psi_service.store.database import Store

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PHASE_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800)
"""Upper ends in seconds."""


class Metrics:
    """One per node, with a registry of its own."""

    def __init__(self, lab: str, version: str, store: Store, log: NodeLog, clock: Clock) -> None:
        self._lab = lab
        self._version = version
        self._store = store
        self._log = log
        self._clock = clock
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._phases = Histogram(
            "psi_session_phase_seconds",
            "How long sessions were in each phase.",
            ["role", "phase"],
            buckets=PHASE_BUCKETS,
            registry=self._registry,
        )
        self._bytes = Counter(
            "psi_session_bytes",
            "Bytes of engine frames over the wire, by padded sizes alone.",
            ["direction"],
            registry=self._registry,
        )
        for direction in ("sent", "received"):
            self._bytes.labels(direction)

    def session_ended(self, progress: Progress, role: Role) -> None:
        """Count what a session took, however it ended."""
        for phase, seconds in progress.phase_seconds().items():
            self._phases.labels(role, phase.value).observe(seconds)
        self._bytes.labels("sent").inc(progress.bytes_sent)
        self._bytes.labels("received").inc(progress.bytes_received)

    async def page(self) -> bytes:
        """The whole page, in Prometheus' text format."""
        figures = await self._store.query(lambda db: read_figures(db, self._lab, self._clock()))
        read = CollectorRegistry()
        read.register(
            _Read(
                families(
                    figures,
                    entries=self._log.size,
                    refusing=self._log.refusal is not None,
                    version=self._version,
                )
            )
        )
        return generate_latest(read) + generate_latest(self._registry)


class _Read(Collector):
    """Families that were read already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = tuple(found)

    def collect(self) -> Iterable[Metric]:
        return self._found
