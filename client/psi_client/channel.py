"""One gRPC channel to one peer: its certificate is the only trust root, its lab name the name to expect.

own TLS key and certificate ──▶ channel ──▶ dns:///host:port
                                   │ root   = the certificate on the peer's card, nothing else
                                   │ target = the lab's name, wherever the card's address points
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from psi_client.quiet_grpc import grpc
from psi_core.identity.card import Card
from psi_core.identity.certificate import pem_of_der

FRAME_BYTES = 1 << 20
"""Largest payload of an engine frame."""

MAX_MESSAGE_BYTES = FRAME_BYTES + (64 << 10)
"""Largest gRPC message either end reads or writes: a full frame, its field tags, or a signed note."""

KEEPALIVE_MILLISECONDS = 20_000
"""A silent connection with open calls is probed this often; the server tolerates probes twice as frequent."""

KEEPALIVE_TIMEOUT_MILLISECONDS = 10_000

Options = tuple[tuple[str, str | int], ...]


@dataclass(frozen=True)
class TlsIdentity:
    """What this lab shows on every connection, as PEM."""

    lab: str
    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True)
class PeerEndpoint:
    """Where a peer listens (`host:port`) and the one certificate (DER) that it must show there."""

    lab: str
    address: str
    certificate_der: bytes = field(repr=False)

    @classmethod
    def of(cls, card: Card) -> Self:
        """The endpoint that a card names."""
        return cls(card.lab, card.address, card.certificate_der)


def open_channel(own: TlsIdentity, peer: PeerEndpoint) -> grpc.aio.Channel:
    """A channel that dials when first used; raises InvalidCertificate when the peer's does not parse."""
    credentials = grpc.ssl_channel_credentials(
        root_certificates=pem_of_der(peer.certificate_der),
        private_key=own.key_pem,
        certificate_chain=own.certificate_pem,
    )
    # The scheme is written out: a card's address must not choose a resolver ("unix:", "xds:").
    return grpc.aio.secure_channel(f"dns:///{peer.address}", credentials, options=_options(peer.lab))


def _options(lab: str) -> Options:
    return (
        ("grpc.ssl_target_name_override", lab),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MILLISECONDS),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_pings_without_data", 0),
        # Of its own: a connection that another client opened with other pins is never reused.
        ("grpc.use_local_subchannel_pool", 1),
        # A lab is dialled where its card says, not by way of a proxy from the environment.
        ("grpc.enable_http_proxy", 0),
        # A signed note or frame is sent once; whoever sends it again decides that itself.
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
    )
