"""Who calls: the SHA-256 of the connection's leaf certificate against the pins, on every call."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Protocol

from psi_core.errors import AccessDenied, InvalidCertificate, Unauthenticated
from psi_core.identity.certificate import certificate_pin, der_of_pem
from psi_service.peers.pins import Pin, PinBoard

_LEAF = "x509_pem_cert"


class Connection(Protocol):
    """The part of a gRPC servicer context that tells of the connection."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What gRPC's TLS layer found out."""


class CallerCheck:
    """Names callers by their pinned certificate."""

    def __init__(self, pins: PinBoard) -> None:
        self._pins = pins

    def identify(self, connection: Connection) -> Pin:
        """The pin that the connection's certificate meets now; raises Unauthenticated for any other."""
        pin = self._pins.of_value(_leaf_value(connection))
        if pin is None:
            raise Unauthenticated(
                "the certificate of this connection is not pinned here; hand over your card"
            )
        return pin

    def check_named(self, connection: Connection, lab: str) -> None:
        """Raise AccessDenied unless the connection's certificate is the one pinned for `lab`.

        `lab` is what a request or an Offer names. The words do not tell whether that lab is pinned here.
        """
        pin = self._pins.of_lab(lab)
        if pin is None or not hmac.compare_digest(pin.value, _leaf_value(connection)):
            raise AccessDenied(
                "the certificate of this connection is not the one pinned for the lab that is named"
            )


def _leaf_value(connection: Connection) -> bytes:
    leaves = list(connection.auth_context().get(_LEAF, ()))
    if len(leaves) != 1:
        raise Unauthenticated("this connection shows no certificate")
    try:
        return certificate_pin(der_of_pem(leaves[0]))
    except InvalidCertificate as fault:
        raise Unauthenticated("the certificate of this connection does not parse") from fault
