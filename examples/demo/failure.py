"""What ends the demo early, in words for the person who started it."""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot go on; the message says why."""
