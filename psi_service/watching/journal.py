"""The node's journal on standard error, for whoever runs the node: one JSON object a line, or a line for people.

It names kinds of things, never contents. So an unforeseen error is written as its type and the places in the
code: its message, and the variables that a traceback shows, may hold an indicator or a key.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Form = Literal["json", "console"]
_RENDERERS: dict[str, Processor] = {
    "json": structlog.processors.JSONRenderer(),
    "console": structlog.dev.ConsoleRenderer(colors=False),
}


def open_journal(form: Form = "json", level: int = logging.INFO) -> None:
    """Send structlog, and warnings of libraries that use `logging`, to standard error. Call once a process.

    `console` writes lines for people instead of JSON; what stands in them is the same.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            places_of_errors,
            _RENDERERS[form],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormat(_RENDERERS[form]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def places_of_errors(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception (`exc_info`) by `type` and `places`."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["type"] = type(error).__qualname__
        event["places"] = places(error)
    return event


def places(error: BaseException) -> list[str]:
    """Where an error was raised, outermost call first: `file:line function`, without any value."""
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ]


class _LibraryFormat(logging.Formatter):
    """The same line for a library's record; its exceptions are cut to type and places too."""

    def __init__(self, render: Processor) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        event["timestamp"] = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        if record.exc_info is not None:
            event = dict(places_of_errors(None, "", {**event, "exc_info": record.exc_info}))
        return str(self._render(None, "", event))
