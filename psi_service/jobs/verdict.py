"""What an ended session means for its job: done, or refused or failed, and whether another try may mend it.

again          faults on the way (a peer away, a broken connection, a dead worker), and the refusal `concurrent`
again, once    the refusals `counter` (a lost offer spent it, and both logs say so now) and `epoch` (a key of engine
               `oprf` has served what it may; the next offer begins an epoch). Faults after the other side was
               served: each costs budget, and counts against the agreement's limit of late aborts
not again      every other refusal, and what a person has to mend
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from psi_core import errors
from psi_service.jobs.sessions import Ended
from psi_service.sessions.views import SessionView

State = Literal["done", "refused", "failed"]
UNFINISHED = ("offered", "open", "pending")


class Retry(Enum):
    """Whether to try again."""

    NEVER = auto()
    ONCE = auto()
    AGAIN = auto()


@dataclass(frozen=True)
class Verdict:
    """How it ended: `code` is the rule that refused or the error's code, empty when done."""

    state: State
    code: str
    words: str
    retry: Retry


_RULES: Mapping[str, Retry] = {"concurrent": Retry.AGAIN, "counter": Retry.ONCE, "epoch": Retry.ONCE}

_ERRORS: Mapping[type[errors.PsiError], Retry] = {
    errors.PsiError: Retry.NEVER,
    errors.PeerError: Retry.AGAIN,
    errors.SessionError: Retry.AGAIN,
    errors.CanaryFault: Retry.ONCE,
    errors.TranscriptMismatch: Retry.ONCE,
    errors.StoreError: Retry.AGAIN,
    errors.NodeRefusing: Retry.NEVER,
}
"""By class; a class that is not in here is treated as its parent."""


def verdict_of(ended: Ended) -> Verdict:
    """Judge an ended session."""
    session, fault = ended.session, ended.fault
    if session is not None and session.state == "complete":
        return Verdict("done", "", "", Retry.NEVER)
    if isinstance(fault, errors.Refused):
        return Verdict("refused", fault.rule, str(fault), _RULES.get(fault.rule, Retry.NEVER))
    if fault is not None:
        retry = next(_ERRORS[kind] for kind in type(fault).__mro__ if kind in _ERRORS)
        return Verdict("failed", fault.code, fault.message, _at_most_once(retry, session))
    if session is None:
        return Verdict("failed", errors.SessionError.code, "the session left no trace", Retry.NEVER)
    return _of_state(session)


def _of_state(session: SessionView) -> Verdict:
    """A session whose error is not known any more: it was settled, or the record itself says `fault`."""
    words = session.reason or f"the session is {session.state}"
    if session.state == "refused":
        return Verdict("refused", errors.Refused.code, words, Retry.NEVER)
    code = errors.SessionAborted.code if session.state == "aborted" else errors.SessionError.code
    return Verdict("failed", code, words, _at_most_once(Retry.AGAIN, session))


def _at_most_once(retry: Retry, session: SessionView | None) -> Retry:
    served = session is not None and (session.late or session.state in ("fault", "pending"))
    return Retry.ONCE if served and retry is Retry.AGAIN else retry
