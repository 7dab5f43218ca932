"""The node's journal: one JSON object a line on standard error, for whoever runs the node.

It names kinds of things, never contents. So an unforeseen error is written as its type and the places in the
code: its message, and the variables that a traceback shows, may hold an indicator or a key.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger


def open_journal(level: int = logging.INFO) -> None:
    """Send structlog, and warnings of libraries that use `logging`, to standard error. Call once a process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            places_of_errors,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormat())
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

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        event["timestamp"] = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        if record.exc_info is not None:
            event = dict(places_of_errors(None, "", {**event, "exc_info": record.exc_info}))
        return str(structlog.processors.JSONRenderer()(None, "", event))
