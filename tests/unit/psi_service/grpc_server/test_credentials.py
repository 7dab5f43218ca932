"""Trust roots follow the pins, and asking for them only reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from psi_client.channel import TlsIdentity
from psi_client.quiet_grpc import grpc
from psi_core.identity.certificate import certificate_pin, der_of_pem, issue
from psi_service.grpc_server.credentials import PeerPortCredentials
from psi_service.peers.pins import Pin, PinBoard

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def pin(lab: str) -> Pin:
    _, pem = issue(lab, NOW)
    return Pin(lab, certificate_pin(der_of_pem(pem)), pem)


@pytest.fixture
def built(monkeypatch):
    """Every configuration that is built, as (own pair, roots); and the fetcher that gRPC would call."""
    seen = {"configurations": []}

    def configuration(pairs, root_certificates):
        seen["configurations"].append((pairs, root_certificates))
        return len(seen["configurations"])

    def credentials(initial, fetcher, require_client_authentication):
        seen.update(initial=initial, fetcher=fetcher, required=require_client_authentication)
        return object()

    monkeypatch.setattr(grpc, "ssl_server_certificate_configuration", configuration)
    monkeypatch.setattr(grpc, "dynamic_ssl_server_credentials", credentials)
    return seen


def test_roots_are_the_pinned_certificates_and_the_own_one_when_there_are_none(built):
    key, pem = issue("lab-b.example", NOW)
    pins = PinBoard()
    PeerPortCredentials(TlsIdentity("lab-b.example", pem, key), pins).server_credentials()
    a, c = pin("lab-a.example"), pin("lab-c.example")
    pins.replace([c, a])
    pins.replace([])
    roots = [roots for _, roots in built["configurations"]]
    assert roots == [pem, a.certificate_pem + c.certificate_pem, pem]
    assert {tuple(pairs) for pairs, _ in built["configurations"]} == {((key, pem),)}
    assert built["required"] is True


def test_what_the_first_answer_holds_is_not_handed_out_again(built):
    key, pem = issue("lab-b.example", NOW)
    pins = PinBoard()
    credentials = PeerPortCredentials(TlsIdentity("lab-b.example", pem, key), pins)
    a = pin("lab-a.example")
    pins.replace([a])
    credentials.server_credentials()
    assert built["configurations"][built["initial"] - 1][1] == a.certificate_pem
    assert built["fetcher"]() is None


def test_what_was_built_when_the_pins_changed_is_handed_to_grpc_once(built):
    key, pem = issue("lab-b.example", NOW)
    pins = PinBoard()
    PeerPortCredentials(TlsIdentity("lab-b.example", pem, key), pins).server_credentials()
    assert (built["initial"], built["fetcher"]()) == (1, None)
    pins.replace([pin("lab-a.example")])
    # None means "as before": each replacement is a moment at which gRPC can crash (grpc/grpc#36693).
    assert [built["fetcher"]() for _ in range(3)] == [2, None, None]
    assert len(built["configurations"]) == 2
