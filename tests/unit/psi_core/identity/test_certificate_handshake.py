"""The shape of certificate in real TLS handshakes (OpenSSL, in memory): what passes, and who is kept out."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from psi_core.identity.certificate import issue

LAB = "lab-a.example"


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, hostname: str) -> None:
    """A TLS handshake in memory; raises ssl.SSLError as either side does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(to_client, to_server, server_hostname=hostname)
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    client_side.write(b"x")
    assert server_side.read(1) == b"x"


def context(purpose: ssl.Purpose, folder: Path, own: tuple[bytes, bytes], trusted: bytes) -> ssl.SSLContext:
    files = folder / f"{purpose.name}.key", folder / f"{purpose.name}.pem"
    files[0].write_bytes(own[0])
    files[1].write_bytes(own[1])
    made = ssl.create_default_context(purpose, cadata=trusted.decode())
    made.load_cert_chain(files[1], files[0])
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_mutual_tls_accepts_it_as_the_only_root_and_no_stranger(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    lab_a, lab_b, stranger = (issue(lab, now) for lab in (LAB, "lab-b.example", LAB))
    server = context(ssl.Purpose.CLIENT_AUTH, tmp_path, lab_a, lab_b[1])
    handshake(server, context(ssl.Purpose.SERVER_AUTH, tmp_path, lab_b, lab_a[1]), LAB)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, context(ssl.Purpose.SERVER_AUTH, tmp_path, lab_b, stranger[1]), LAB)
    with pytest.raises(ssl.SSLError):
        handshake(server, context(ssl.Purpose.SERVER_AUTH, tmp_path, stranger, lab_a[1]), LAB)


def issued_by(issuer_key_pem: bytes, issuer: str, lab: str, now: datetime) -> tuple[bytes, bytes]:
    """A certificate for `lab`, of the right extensions, that another lab's key signed: (key, certificate)."""
    issuer_key = serialization.load_pem_private_key(issuer_key_pem, password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key_pem, own = issue(lab, now)
    template = x509.load_pem_x509_certificate(own)
    builder = (
        x509.CertificateBuilder()
        .subject_name(template.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(template.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(template.not_valid_before_utc)
        .not_valid_after(template.not_valid_after_utc)
    )
    for extension in template.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return key_pem, builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_mutual_tls_refuses_a_certificate_that_a_pinned_lab_issued(tmp_path: Path) -> None:
    """With CA:FALSE and no keyCertSign a pinned certificate vouches for itself alone."""
    now = datetime.now(UTC)
    lab_a, lab_b = issue(LAB, now), issue("lab-b.example", now)
    forged = issued_by(lab_a[0], LAB, "lab-c.example", now)
    server = context(ssl.Purpose.CLIENT_AUTH, tmp_path, forged, lab_b[1])
    client = context(ssl.Purpose.SERVER_AUTH, tmp_path, lab_b, lab_a[1])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, "lab-c.example")


def test_mutual_tls_refuses_an_expired_certificate(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    expired, lab_b = issue(LAB, now - timedelta(days=11 * 366)), issue("lab-b.example", now)
    server = context(ssl.Purpose.CLIENT_AUTH, tmp_path, expired, lab_b[1])
    client = context(ssl.Purpose.SERVER_AUTH, tmp_path, lab_b, expired[1])
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(server, client, LAB)
