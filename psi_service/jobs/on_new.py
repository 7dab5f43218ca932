"""Telling somebody that a run found something new: a command on the node's host, or a POST. Counts alone leave.

command   program and arguments, without a shell; counts in PSI_JOB_* variables and nothing else of the node's
          environment; nothing on standard input; killed after a while, and its output is cut off
url       https, or http on loopback; one JSON object; no proxy, no redirect, the answer is not read
"""

from __future__ import annotations

import ipaddress
import json
import shlex
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from psi_core.errors import InputError

MAX_LENGTH = 2000
"""Longest command line or address, in characters."""
_CONTROLS = {chr(number) for number in range(0x20)} | {"\x7f"}


@dataclass(frozen=True)
class OnNew:
    """Whom to tell. `repr` shows neither arguments nor path: either may hold a secret."""

    command: tuple[str, ...] = field(default=(), repr=False)
    url: str = field(default="", repr=False)

    @classmethod
    def parse(cls, command: str | None, url: str | None) -> Self | None:
        """Read what was asked for; None: nobody is told. Raises InputError."""
        if command is not None and url is not None:
            raise InputError("a job tells a command or an address that something is new, not both")
        if command is not None:
            return cls(command=_argv(command))
        return None if url is None else cls(url=_checked(url))

    @property
    def shown(self) -> str:
        """What people see of it: the program alone, or the address without its path."""
        if self.command:
            return f"command {self.command[0]}"
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True)
class News:
    """What is told: counts, and the names that they belong to."""

    job: int
    peer: str
    session: str
    finished: str
    new: int
    actors: int | None
    matched: dict[str, int | None]

    def as_json(self) -> str:
        """The body of the POST."""
        return json.dumps(vars(self))

    def as_variables(self) -> dict[str, str]:
        """The variables of the command."""
        return {
            "PSI_JOB_ID": str(self.job),
            "PSI_JOB_PEER": self.peer,
            "PSI_JOB_SESSION": self.session,
            "PSI_JOB_FINISHED": self.finished,
            "PSI_JOB_NEW": str(self.new),
            "PSI_JOB_ACTORS": "" if self.actors is None else str(self.actors),
        }


def _argv(command: str) -> tuple[str, ...]:
    _check_text(command)
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise InputError(f"the command cannot be split into words ({str(error).lower()})") from None
    if not argv or not argv[0]:
        raise InputError("the command names no program")
    return argv


def _checked(url: str) -> str:
    _check_text(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InputError("the address is not one: give https://host/path") from None
    if not host or port == 0 or " " in url:
        raise InputError("the address names no host: give https://host/path")
    if parts.username is not None or parts.password is not None:
        raise InputError("the address holds a user name: it would be shown; put a secret into its path")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise InputError("the address must be https, or http on loopback")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH or _CONTROLS.intersection(text):
        raise InputError(
            f"a command or an address has at most {MAX_LENGTH:,} characters, and no line breaks or tabs"
        )
