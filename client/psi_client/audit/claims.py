"""Every claim about one log, by its stable name, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from psi_client.audit import answers, history, one_log, sessions_of_log, succession
from psi_client.audit.facts import LogFacts
from psi_client.audit.finding import Finding

ONE_LOG: Mapping[str, Callable[[LogFacts], Finding]] = {
    "checkpoint signed": one_log.checkpoint_signed,
    "entries unmodified and in order": one_log.entries_unmodified,
    "tree root matches signed checkpoint": one_log.tree_matches,
    "entries well-formed": one_log.entries_well_formed,
    "append-only since the last audit": history.append_only,
    "checkpoints in the log fit": history.checkpoints_fit,
    "seen by witnesses": history.cosigned,
    "session texts signed": sessions_of_log.texts_signed,
    "records signed": sessions_of_log.records_signed,
    "no session replayed": sessions_of_log.sessions_unique,
    "counters complete": sessions_of_log.counters_complete,
    "records chained": sessions_of_log.records_chained,
    "sessions within their agreement": sessions_of_log.within_agreement,
    "budgets kept": sessions_of_log.budgets_kept,
    "intervals kept": sessions_of_log.pace_kept,
    "sets committed before their session": sessions_of_log.committed_before,
    "one committed key an epoch": sessions_of_log.one_key,
    "one committed key for every query": answers.every_answer,
    "receivers announced before the record": sessions_of_log.announced_before,
    "records follow from their offers": sessions_of_log.records_follow,
    "result sizes consistent": sessions_of_log.results_consistent,
}

SUCCESSION: Mapping[str, Callable[[LogFacts], Finding]] = {"succession of logs": succession.succession}
"""For a log that says something of the lab's log before or after it."""


def claims_of(log: LogFacts) -> Mapping[str, Callable[[LogFacts], Finding]]:
    """The claims that are looked at for this log."""
    return {**ONE_LOG, **SUCCESSION} if log.succession.present else ONE_LOG
