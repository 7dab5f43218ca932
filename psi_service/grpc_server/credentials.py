"""TLS for the peer port: own certificate, and as trust roots exactly the certificates that are pinned now.

Trust roots only keep strangers from a handshake. Whose call it is, is decided per call: see identity.py.
"""

from __future__ import annotations

import threading

from psi_client.channel import TlsIdentity
from psi_client.quiet_grpc import grpc
from psi_service.peers.pins import PinBoard


class PeerPortCredentials:
    """Server credentials that follow the pin board.

    gRPC asks for the configuration at every handshake, on threads of its own; when asking fails it quietly
    goes on with the old one, and with it a peer that was removed. So the answer is made whenever the pins
    change, and asking only takes it.

    A new configuration is handed out once, then None ("as before"): whenever it is given one, gRPC replaces what
    another thread's handshake may be using (grpc/grpc#36693), and anybody who connects can crash the node.
    """

    def __init__(self, own: TlsIdentity, pins: PinBoard) -> None:
        self._own = own
        self._pins = pins
        self._lock = threading.Lock()
        self._changed: grpc.ServerCertificateConfiguration | None = None
        pins.watch(self._refresh)

    def server_credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`; a client without a certificate is turned away in the handshake."""
        self._take()
        return grpc.dynamic_ssl_server_credentials(
            self._build(),
            self._take,  # type: ignore[arg-type] # None is gRPC's "no change", which its types leave out
            require_client_authentication=True,
        )

    def _refresh(self) -> None:
        changed = self._build()
        with self._lock:
            self._changed = changed

    def _take(self) -> grpc.ServerCertificateConfiguration | None:
        with self._lock:
            changed, self._changed = self._changed, None
        return changed

    def _build(self) -> grpc.ServerCertificateConfiguration:
        # gRPC wants a root; without peers it is the own certificate, which nobody else can show.
        roots = b"".join(pin.certificate_pem for pin in self._pins.all()) or self._own.certificate_pem
        return grpc.ssl_server_certificate_configuration(
            [(self._own.key_pem, self._own.certificate_pem)], root_certificates=roots
        )
