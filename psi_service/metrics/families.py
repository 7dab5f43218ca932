"""Figures as Prometheus names them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from psi_service.metrics.figures import Figures

ENDED = ("complete", "refused", "fault", "aborted")


def families(figures: Figures, *, entries: int, refusing: bool, version: str) -> Iterator[Metric]:
    """Every family that is read at a scrape, in the order in which people read them."""
    build = GaugeMetricFamily("psi_build_info", "The version that runs.", labels=["version"])
    build.add_metric([version], 1)
    yield build
    yield from _sessions(figures)
    yield from _budgets(figures)
    yield GaugeMetricFamily("psi_log_entries", "Entries of the log.", value=entries)
    yield GaugeMetricFamily(
        "psi_log_refusing", "1 while the node signs nothing (see psi status), else 0.", value=int(refusing)
    )
    yield from _checkpoints(figures)
    yield GaugeMetricFamily("psi_jobs", "Jobs that are not paused.", value=figures.jobs)
    yield GaugeMetricFamily(
        "psi_jobs_late", "Jobs whose time passed 10 minutes ago without a run.", value=figures.jobs_late
    )


def _sessions(figures: Figures) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "psi_sessions",
        "Sessions that have ended, as the store counts them.",
        labels=["peer", "role", "outcome"],
    )
    unfinished = GaugeMetricFamily(
        "psi_sessions_unfinished", "Sessions that run or wait to be settled.", labels=["peer", "role"]
    )
    waiting: dict[tuple[str, str], int] = {}
    for peer, role, state, number in figures.sessions:
        if state in ENDED:
            ended.add_metric([peer, role, state], number)
        else:
            waiting[peer, role] = waiting.get((peer, role), 0) + number
    for (peer, role), number in waiting.items():
        unfinished.add_metric([peer, role], number)
    yield ended
    yield unfinished


def _budgets(figures: Figures) -> Iterator[Metric]:
    labels = ["agreement", "peer", "match_key"]
    limit = GaugeMetricFamily(
        "psi_budget_evaluations", "What a peer may evaluate in the running period.", labels=labels
    )
    left = GaugeMetricFamily(
        "psi_budget_left_evaluations", "What is left of that; it never grows within a period.", labels=labels
    )
    for line in figures.budgets:
        names = [line.agreement, line.peer, line.match_key]
        limit.add_metric(names, line.limit)
        left.add_metric(names, line.left)
    yield limit
    yield left


def _checkpoints(figures: Figures) -> Iterator[Metric]:
    own = GaugeMetricFamily("psi_checkpoint_age_seconds", "Since this log's newest checkpoint was signed.")
    if figures.checkpoint_age is not None:
        own.add_metric([], figures.checkpoint_age)
    yield own
    peers = GaugeMetricFamily(
        "psi_peer_checkpoint_age_seconds", "Since a peer's newest checkpoint was received.", labels=["peer"]
    )
    for peer, age in figures.peer_checkpoint_ages:
        peers.add_metric([peer], age)
    yield peers
