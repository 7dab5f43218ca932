"""Callers are named by the SHA-256 of their certificate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from psi_core.errors import AccessDenied, Unauthenticated
from psi_core.identity.certificate import certificate_pin, der_of_pem, issue
from psi_service.grpc_server.identity import CallerCheck
from psi_service.peers.pins import Pin, PinBoard

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Connection:
    def __init__(self, *leaves: bytes) -> None:
        self._leaves = leaves

    def auth_context(self):
        return (
            {"x509_pem_cert": list(self._leaves)} if self._leaves else {"transport_security_type": [b"ssl"]}
        )


def pin(lab: str) -> Pin:
    _, pem = issue(lab, NOW)
    return Pin(lab, certificate_pin(der_of_pem(pem)), pem)


@pytest.fixture
def pins():
    board = PinBoard()
    board.replace([pin("lab-a.example"), pin("lab-b.example")])
    return board


def test_a_pinned_certificate_names_its_lab(pins):
    check = CallerCheck(pins)
    for lab in ("lab-a.example", "lab-b.example"):
        connection = Connection(pins.of_lab(lab).certificate_pem)
        assert check.identify(connection).lab == lab
        check.check_named(connection, lab)


def test_a_new_certificate_in_a_pinned_labs_name_is_a_stranger(pins):
    # Same subject, other key: what trust roots looked up by subject could confuse.
    with pytest.raises(Unauthenticated, match="not pinned"):
        CallerCheck(pins).identify(Connection(pin("lab-a.example").certificate_pem))


@pytest.mark.parametrize("leaves", [(), (b"no certificate",), (b"one", b"two")])
def test_a_connection_without_one_certificate_is_a_stranger(pins, leaves):
    check = CallerCheck(pins)
    with pytest.raises(Unauthenticated):
        check.identify(Connection(*leaves))
    with pytest.raises(Unauthenticated):
        check.check_named(Connection(*leaves), "lab-a.example")


@pytest.mark.parametrize("named", ["lab-b.example", "lab-z.example", "LAB-A.example", ""])
def test_another_labs_name_is_denied(pins, named):
    connection = Connection(pins.of_lab("lab-a.example").certificate_pem)
    with pytest.raises(AccessDenied, match="not the one pinned for the lab that is named"):
        CallerCheck(pins).check_named(connection, named)


def test_a_pin_that_went_is_a_stranger_at_once(pins):
    check = CallerCheck(pins)
    connection = Connection(pins.of_lab("lab-a.example").certificate_pem)
    pins.replace([pins.of_lab("lab-b.example")])
    with pytest.raises(Unauthenticated):
        check.identify(connection)
    with pytest.raises(AccessDenied):
        check.check_named(connection, "lab-a.example")
