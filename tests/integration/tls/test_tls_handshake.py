"""Who gets in: strangers, plaintext, expired and foreign certificates, pins that come and go while the port is open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from psi_client.channel import PeerEndpoint, TlsIdentity
from psi_client.peer_client import PeerClient
from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_core.errors import InvalidConfiguration, NotFound, PeerUnreachable
from psi_core.wire.peers_pb2 import DeliverRequest

TURNED_AWAY = (Fault.UNREACHABLE, Fault.NOT_ACCEPTED)


def issued_under(issuer: TlsIdentity, lab: str, *, chain: bool) -> TlsIdentity:
    """A certificate for `lab`, signed with the key of `issuer`'s certificate, shown with or without it."""
    key = serialization.load_pem_private_key(issuer.key_pem, None)
    parent = x509.load_pem_x509_certificate(issuer.certificate_pem)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, lab)]))
        .issuer_name(parent.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
    )
    for extension in parent.extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(lab)]), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return TlsIdentity(lab, pem + (issuer.certificate_pem if chain else b""), issuer.key_pem)


async def refused(client: PeerClient, node) -> str:
    """The fault with which `node` turned `client` away; the call must not have been served."""
    before = len(node.delivered)
    async with client:
        with pytest.raises(PeerUnreachable) as caught:
            await client.deliver(b"note")
    assert len(node.delivered) == before
    return caught.value.fault


async def test_two_pinned_labs_talk_both_ways(pair):
    a, b = pair
    async with a.client(b) as client:
        assert (await client.hello(a.hello())).facts == b.facts
    async with b.client(a) as client:
        assert (await client.hello(b.hello())).facts == a.facts


async def test_a_stranger_is_turned_away(pair, new_node):
    _, b = pair
    c = await new_node("lab-c.example")
    assert await refused(c.client(b), b) in TURNED_AWAY


async def test_plaintext_and_callers_without_a_certificate_are_turned_away(pair):
    a, b = pair
    credentials = grpc.ssl_channel_credentials(b.own.certificate_pem)
    name = (("grpc.ssl_target_name_override", b.lab),)
    request = DeliverRequest(lab=a.lab, note=b"note").SerializeToString()
    for channel in (
        grpc.aio.insecure_channel(f"127.0.0.1:{b.port}"),
        grpc.aio.secure_channel(f"127.0.0.1:{b.port}", credentials, options=name),
    ):
        async with channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/psi_core.wire.Peers/Deliver")(request)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert b.delivered == []


async def test_an_expired_certificate_is_turned_away_at_either_end(new_node):
    a = await new_node("lab-a.example", issued=timedelta(days=11 * 366))
    b = await new_node("lab-b.example")
    # Pinned while it was valid.
    b.clock.offset = -timedelta(days=3 * 366)
    await b.directory.add(a.note)
    b.clock.offset = timedelta()
    await a.directory.add(b.note)
    assert await refused(a.client(b), b) in TURNED_AWAY
    assert await refused(b.client(a), a) in TURNED_AWAY


async def test_a_lab_cannot_speak_in_another_labs_name(pair, new_node):
    a, b = pair
    c = await new_node("lab-c.example")
    await b.directory.add(c.note)
    # lab-a's own certificate and connection, and a request that names lab-c.
    renamed = TlsIdentity("lab-c.example", a.own.certificate_pem, a.own.key_pem)
    assert await refused(PeerClient(renamed, b.endpoint), b) == Fault.NOT_ACCEPTED
    # An unknown name is answered in the same words as one that is pinned to somebody else.
    answers = set()
    for lab in ("lab-c.example", "lab-z.example"):
        async with PeerClient(TlsIdentity(lab, a.own.certificate_pem, a.own.key_pem), b.endpoint) as client:
            with pytest.raises(PeerUnreachable) as caught:
                await client.own_checkpoints()
            answers.add(str(caught.value))
    assert len(answers) == 1


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("lab", ["lab-c.example", "lab-a.example"])
async def test_a_certificate_issued_under_a_pinned_key_is_turned_away(pair, new_node, lab, chain):
    a, b = pair
    c = await new_node("lab-c.example")
    await b.directory.add(c.note)
    forged = issued_under(a.own, lab, chain=chain)
    assert await refused(PeerClient(forged, b.endpoint), b) in TURNED_AWAY


async def test_a_server_must_show_the_pinned_certificate(pair, new_node):
    a, b = pair
    c = await new_node("lab-c.example")
    await c.directory.add(a.note)
    # lab-c answers at the address of lab-b's card; and lab-b answers where lab-c is expected.
    moved = PeerEndpoint(b.lab, f"127.0.0.1:{c.port}", b.endpoint.certificate_der)
    assert await refused(PeerClient(a.own, moved), c) == Fault.UNREACHABLE
    renamed = PeerEndpoint(c.lab, f"127.0.0.1:{b.port}", b.endpoint.certificate_der)
    assert await refused(PeerClient(a.own, renamed), b) == Fault.UNREACHABLE


async def test_two_peers_are_served_at_once_and_told_apart(pair, new_node, frame):
    a, b = pair
    c = await new_node("lab-c.example")
    await b.directory.add(c.note)
    await c.directory.add(b.note)
    async with a.stream(b) as from_a, c.stream(b) as from_c:
        await from_a.send(frame(b"a"))
        await from_c.send(frame(b"c"))
        assert (await from_c.receive()).offer == b"c"
        assert (await from_a.receive()).offer == b"a"
        assert (b.calls.count(a.lab), b.calls.count(c.lab)) == (1, 1)
        await asyncio.gather(a.delivery.deliver(b.lab, b"from a"), c.delivery.deliver(b.lab, b"from c"))
        # Removing one leaves the other's stream alone.
        await b.directory.remove(a.lab)
        await from_c.send(frame(b"still here"))
        assert (await from_c.receive()).offer == b"still here"
    assert sorted(b.delivered) == [(a.lab, b"from a"), (c.lab, b"from c")]


async def test_a_peer_that_is_added_while_the_port_is_open_gets_in(new_node):
    a, b = await new_node("lab-a.example"), await new_node("lab-b.example")
    assert await refused(a.client(b), b) in TURNED_AWAY
    await b.directory.add(a.note)
    async with a.client(b) as client:
        assert await client.deliver(b"note") == "waiting"


async def test_a_peer_that_was_removed_does_not_get_in_again(pair):
    a, b = pair
    async with a.client(b) as client:
        await client.deliver(b"note")
    await b.directory.remove(a.lab)
    assert await refused(a.client(b), b) in TURNED_AWAY
    with pytest.raises(NotFound):
        await b.delivery.deliver(a.lab, b"note")
    await b.directory.add(a.note)
    async with a.client(b) as client:
        await client.deliver(b"note")


async def test_a_node_without_peers_starts_and_lets_nobody_in(new_node):
    b, stranger = await new_node("lab-b.example"), await new_node("lab-a.example")
    assert await refused(stranger.client(b), b) in TURNED_AWAY
    # Its own certificate stands in for the roots, and is not a peer for that.
    assert await refused(b.client(b), b) == Fault.NOT_ACCEPTED


async def test_a_port_that_is_taken_is_said_so(new_node, pair):
    a, b = pair
    with pytest.raises(InvalidConfiguration, match="cannot listen for peers"):
        await a.server.start(f"127.0.0.1:{b.port}")
