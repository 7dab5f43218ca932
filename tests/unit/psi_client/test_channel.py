"""How a peer is dialled: one root, one name, no detours, and a gRPC that keeps its noise to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from psi_client.channel import MAX_MESSAGE_BYTES, PeerEndpoint, TlsIdentity, open_channel
from psi_client.quiet_grpc import grpc
from psi_core.errors import InvalidCertificate
from psi_core.identity.card import Card
from psi_core.identity.certificate import der_of_pem, issue
from psi_core.identity.node_keys import NodeKeys
from psi_service.grpc_server import server

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY, PEM = issue("lab-a.example", NOW)
OWN = TlsIdentity("lab-a.example", PEM, KEY)


@pytest.fixture
def dialled(monkeypatch):
    """What gRPC is asked for: credentials, target, options."""
    seen = {}
    monkeypatch.setattr(grpc, "ssl_channel_credentials", lambda **kept: seen.update(kept))
    monkeypatch.setattr(
        grpc.aio,
        "secure_channel",
        lambda target, _, options: seen.update(target=target, options=dict(options)),
    )
    return seen


def test_the_peers_certificate_is_the_only_root_and_its_lab_the_name(dialled):
    keys = NodeKeys.generate("lab-b.example", NOW)
    card = Card.read(keys.card("lab-b.example", "10.0.0.7:7443", NOW))
    open_channel(OWN, PeerEndpoint.of(card))
    assert dialled["root_certificates"] == keys.tls_certificate_pem
    assert (dialled["private_key"], dialled["certificate_chain"]) == (KEY, PEM)
    assert dialled["options"]["grpc.ssl_target_name_override"] == "lab-b.example"
    assert dialled["options"]["grpc.enable_http_proxy"] == 0


@pytest.mark.parametrize("address", ["unix:/run/other.sock", "xds:///x", "10.0.0.7:7443", "[::1]:7443"])
def test_an_address_cannot_choose_a_resolver(dialled, address):
    open_channel(OWN, PeerEndpoint("lab-b.example", address, der_of_pem(PEM)))
    assert dialled["target"] == f"dns:///{address}"


def test_a_certificate_that_does_not_parse_is_refused():
    with pytest.raises(InvalidCertificate):
        open_channel(OWN, PeerEndpoint("lab-b.example", "10.0.0.7:7443", b"\x30\x00"))


def test_the_private_key_does_not_show():
    assert "PRIVATE" not in repr(OWN)
    assert repr(KEY)[2:40] not in repr(OWN)


def test_both_ends_agree_on_sizes_and_a_client_probes_no_faster_than_a_server_bears(dialled):
    open_channel(OWN, PeerEndpoint("lab-b.example", "10.0.0.7:7443", der_of_pem(PEM)))
    ours, theirs = dialled["options"], dict(server._OPTIONS)
    for name in ("grpc.max_receive_message_length", "grpc.max_send_message_length"):
        assert ours[name] == theirs[name] == MAX_MESSAGE_BYTES
    # A server answers faster probes with GOAWAY too_many_pings.
    assert ours["grpc.keepalive_time_ms"] > theirs["grpc.http2.min_recv_ping_interval_without_data_ms"]


SEES = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print(os.environ.get("GRPC_VERBOSITY"))
sys.meta_path.insert(0, Watch())
import {module}
"""


@pytest.mark.parametrize("module", ["psi_client.peer_client", "psi_service.grpc_server.server"])
@pytest.mark.parametrize(("set_by_operator", "seen"), [(None, "NONE"), ("debug", "debug")])
def test_grpc_is_quiet_before_it_is_loaded_unless_the_operator_says_otherwise(module, set_by_operator, seen):
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    if set_by_operator:
        environment["GRPC_VERBOSITY"] = set_by_operator
    ran = subprocess.run(
        [sys.executable, "-c", SEES.format(module=module)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[:1] == [seen]
