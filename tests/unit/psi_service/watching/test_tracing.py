"""Spans of a session: its phases inside it, in order, and nothing that only the two labs may know."""

from __future__ import annotations

import pytest

from psi_service.sessions.progress import Phase, Progress
from psi_service.watching.tracing import trace, trace_session


class Recorded:
    """Stands where an SDK's tracer would."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, int, int, dict[str, object]]] = []

    def start_span(self, name, *, context=None, start_time, attributes=None):
        recorder = self

        class Span(trace.NonRecordingSpan):
            def end(self, end_time=None):
                recorder.spans.append((name, start_time, end_time, dict(attributes or {})))

        return Span(trace.INVALID_SPAN_CONTEXT)


def test_phases_lie_inside_their_session_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()
    monkeypatch.setattr(trace, "get_tracer", lambda name: recorded)
    progress = Progress("0f" * 16)
    for phase in (Phase.SETTLING, Phase.FREEZING, Phase.OFFERED):
        progress.enter(phase)
    progress.end()
    trace_session(progress, "initiator")
    *phases, session = recorded.spans
    assert [name for name, *_ in phases] == ["settling", "freezing", "offered"]
    assert session[0] == "session"
    assert all(start <= end for _, start, end, _ in recorded.spans)
    assert [start for _, start, _, _ in phases[1:]] == [end for _, _, end, _ in phases[:-1]]
    assert set(session[3]) == {
        "psi.session_id",
        "psi.role",
        "psi.last_phase",
        "psi.bytes_sent",
        "psi.bytes_received",
    }


def test_without_an_sdk_nothing_happens() -> None:
    progress = Progress("0f" * 16)
    progress.end()
    trace_session(progress, "responder")
