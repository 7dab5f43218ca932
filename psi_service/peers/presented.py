"""Which certificate answers at an address: a plain TLS handshake, for diagnosis and for nothing else.

gRPC reports every fault of a handshake as "Socket closed". This looks at what is shown there, trusts none of
it, sends no certificate of ours and no byte of application data, and hangs up.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from psi_client.peer_fault import Fault
from psi_core.errors import PeerUnreachable
from psi_service.address import Address

CONNECT_SECONDS = 5.0


async def presented_certificate(address: Address, lab: str, *, seconds: float = CONNECT_SECONDS) -> bytes:
    """The leaf certificate (DER) that is shown at `address` to a caller who expects `lab`.

    Raises PeerUnreachable with fault no_route (nothing answers there) or not_tls (what answers is not a node).
    """
    return await asyncio.to_thread(_fetch, address, lab, seconds)


def _fetch(address: Address, lab: str, seconds: float) -> bytes:
    try:
        connection = socket.create_connection((address.host, address.port), timeout=seconds)
    except OSError as fault:
        words = f"nothing answers at {address}: {_reason(fault)}"
        raise PeerUnreachable(words, fault=Fault.NO_ROUTE) from fault
    with connection:
        try:
            with _looking_only().wrap_socket(connection, server_hostname=lab) as tls:
                leaf = tls.getpeercert(binary_form=True)
        except OSError as fault:
            raise PeerUnreachable(
                f"something answers at {address}, but not with TLS", fault=Fault.NOT_TLS
            ) from fault
    if leaf is None:
        raise PeerUnreachable(f"what answers at {address} shows no certificate", fault=Fault.NOT_TLS)
    return leaf


def _looking_only() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Only from 1.3 on does a server show its certificate before it asks for ours.
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    return context


def _reason(fault: OSError) -> str:
    if isinstance(fault, TimeoutError):
        return "no answer in time (a firewall may drop it)"
    if isinstance(fault, socket.gaierror):
        return "the name does not resolve"
    return fault.strerror or type(fault).__name__
