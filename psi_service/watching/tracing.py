"""OpenTelemetry spans of sessions: one for the session, one for each phase inside it.

The API comes with FastAPI and does nothing by itself. Install the extra `otel` and start the node under an SDK
(docs/operating.md) to send spans somewhere. They hold phases, the role and bytes; never a size, a match or a peer.
"""

from __future__ import annotations

import time

from opentelemetry import trace

from psi_service.sessions.progress import Progress, Role

_NANOSECONDS = 1_000_000_000


def trace_session(progress: Progress, role: Role) -> None:
    """Emit the spans of a session that has just ended, however it ended."""
    tracer = trace.get_tracer("psi_service")
    end = time.time_ns()
    start = end - int(progress.seconds() * _NANOSECONDS)
    session = tracer.start_span("session", start_time=start, attributes=_attributes(progress, role))
    inside = trace.set_span_in_context(session)
    at = start
    for phase, seconds in progress.phase_seconds().items():
        phase_end = at + int(seconds * _NANOSECONDS)
        tracer.start_span(phase.value, context=inside, start_time=at).end(phase_end)
        at = phase_end
    session.end(end)


def _attributes(progress: Progress, role: Role) -> dict[str, str | int]:
    return {
        "psi.session_id": progress.session_id,
        "psi.role": role,
        "psi.last_phase": str(progress.phase or "none"),
        "psi.bytes_sent": progress.bytes_sent,
        "psi.bytes_received": progress.bytes_received,
    }
