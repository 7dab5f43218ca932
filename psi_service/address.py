"""`host:port` as settings write it."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, Self

from psi_core.errors import InvalidConfiguration

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


class Address(NamedTuple):
    """A host (a name or an address, IPv6 without its brackets) and a port from 0 to 65535."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port` or `[v6]:port`. Raises InvalidConfiguration."""
        host, colon, port = text.rpartition(":")
        if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
            raise InvalidConfiguration("an address is written host:port, with a port from 0 to 65535")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            if not _is_ip(host, version=6):
                raise InvalidConfiguration("the host in brackets is not an IPv6 address")
        elif not _HOST.fullmatch(host):
            raise InvalidConfiguration("an address is written host:port; an IPv6 host stands in brackets")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; of names, only `localhost` counts as such."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_ip(host: str, version: int | None = None) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return version in (None, address.version)
