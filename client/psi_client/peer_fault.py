"""Why a peer could not be talked to: the names in `PeerUnreachable.fault` and in `psi peers test`."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """One fault, by a stable name. The first group is what `psi peers test` tells apart."""

    NO_ROUTE = "no_route"
    NOT_TLS = "not_tls"
    WRONG_CERTIFICATE = "wrong_certificate"
    EXPIRED = "expired"
    NOT_ACCEPTED = "not_accepted"
    CLOCK = "clock"
    PROTOCOL = "protocol"
    PROFILE = "profile"
    CONSORTIUM_KEY = "consortium_key"
    CARD = "card"

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BUSY = "busy"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REMOVED = "removed"
