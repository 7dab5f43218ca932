"""The one shape of TLS certificate that a card may carry (design.md section 6), made and checked here.

ECDSA P-256, version 3, self-signed, subject = CN of the lab alone, SAN = the lab alone, CA:FALSE, critical
key usage digitalSignature only, extended key usage server and client, ten years, and no other extension. With
any other shape a pinned peer could issue certificates in other labs' names, or two peers' certificates could
collide in one pool of trust roots, because roots are looked up by subject.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature as LibraryInvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from psi_core.errors import InvalidCertificate

MAX_DER = 4096
"""Largest certificate that is parsed, in bytes; ours have about 450."""

MAX_LAB_IN_SUBJECT = 64
"""Longest lab name that fits into a common name (RFC 5280 appendix A.1, ub-common-name)."""

VALIDITY = timedelta(days=3652)
"""Ten years."""

BACKDATED = timedelta(hours=1)
"""A new certificate is valid from an hour ago, so that a peer whose clock is behind accepts it at once."""

_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
_EXTENDED_KEY_USAGE = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)
_FAULTS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""What the library raises on certificates that are malformed or beyond it (few of them are ValueErrors)."""

_BASIC_CONSTRAINTS = x509.BasicConstraints(ca=False, path_length=None)


def issue(lab: str, now: datetime) -> tuple[bytes, bytes]:
    """Make a fresh P-256 key and its certificate for `lab`: (key as PKCS #8 PEM, certificate as PEM).

    `now` is timezone-aware. Raises InvalidCertificate when the lab's name does not fit into a certificate.
    """
    if not 0 < len(lab) <= MAX_LAB_IN_SUBJECT:
        raise InvalidCertificate(
            f"a lab's name has {len(lab)} characters and a certificate's subject holds 1 to "
            f"{MAX_LAB_IN_SUBJECT}; choose a shorter name"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    start = now.astimezone(UTC).replace(microsecond=0) - BACKDATED
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_subject(lab))
        .issuer_name(_subject(lab))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALIDITY)
        .add_extension(_BASIC_CONSTRAINTS, critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(_EXTENDED_KEY_USAGE, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(lab)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM)


def check_shape(der: bytes, lab: str) -> None:
    """Raise InvalidCertificate unless `der` is exactly the shape above for `lab`.

    `der` comes from a peer's card: at most MAX_DER bytes are parsed. Expiry is the handshake's to judge.
    """
    certificate = _parsed(der)
    try:
        _check_key_and_signature(certificate)
        _check_names(certificate, lab)
        _check_extensions(certificate, lab)
    except _FAULTS as fault:
        raise _wrong("a part of it does not parse") from fault
    if certificate.not_valid_after_utc - certificate.not_valid_before_utc > VALIDITY:
        raise _wrong("it is valid for longer than ten years")


def check_key(key_pem: bytes, certificate_pem: bytes) -> None:
    """Raise InvalidCertificate unless the private key belongs to the certificate (both PEM)."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        matches = key.public_key() == certificate.public_key()
    except _FAULTS as fault:
        raise InvalidCertificate("the TLS key or its certificate is not PEM; restore both files") from fault
    if not matches:
        raise InvalidCertificate("the TLS key is not the certificate's; restore both files together")


def certificate_pin(der: bytes) -> bytes:
    """SHA-256 of the certificate's DER, 32 bytes: what is pinned and compared on every call."""
    return hashlib.sha256(der).digest()


def der_of_pem(pem: bytes) -> bytes:
    """The DER bytes of one PEM certificate; raises InvalidCertificate."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except _FAULTS as fault:
        raise InvalidCertificate("not one PEM certificate") from fault
    return certificate.public_bytes(serialization.Encoding.DER)


def pem_of_der(der: bytes) -> bytes:
    """One DER certificate as PEM; raises InvalidCertificate."""
    return _parsed(der).public_bytes(serialization.Encoding.PEM)


def _subject(lab: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, lab)])


def _wrong(reason: str) -> InvalidCertificate:
    return InvalidCertificate(
        f"the card's TLS certificate is refused: {reason}. Ask for a card that `psi-node init` made."
    )


def _parsed(der: bytes) -> x509.Certificate:
    if len(der) > MAX_DER:
        raise _wrong(f"it has {len(der)} bytes and at most {MAX_DER} are read")
    try:
        certificate = x509.load_der_x509_certificate(der)
        canonical = certificate.public_bytes(serialization.Encoding.DER)
    except _FAULTS as fault:
        raise _wrong("it is not one DER certificate") from fault
    # The pin is a hash of these bytes, so a certificate may have no second spelling. The library keeps the
    # signature's count of unused bits, which has to be 0, as it finds it.
    if canonical != der or not der.endswith(b"\x00" + certificate.signature):
        raise _wrong("it is not written in DER")
    if certificate.version is not x509.Version.v3 or certificate.serial_number <= 0:
        raise _wrong("it is not of version 3 with a positive serial number")
    return certificate


def _check_key_and_signature(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _wrong("its key is not ECDSA on P-256")
    if not isinstance(certificate.signature_hash_algorithm, hashes.SHA256):
        raise _wrong("it is not signed with ECDSA and SHA-256")
    if certificate.issuer != certificate.subject:
        raise _wrong("issuer and subject differ, so another key issued it")
    try:
        certificate.verify_directly_issued_by(certificate)
    except LibraryInvalidSignature as fault:
        raise _wrong("its own key did not sign it") from fault


def _check_names(certificate: x509.Certificate, lab: str) -> None:
    # Compared as bytes: a Name equals another across string types; roots are looked up by encoded subject.
    if certificate.subject.public_bytes() != _subject(lab).public_bytes():
        raise _wrong("its subject is not the lab's name alone")
    if certificate.issuer.public_bytes() != certificate.subject.public_bytes():
        raise _wrong("issuer and subject are written differently")


def _check_extensions(certificate: x509.Certificate, lab: str) -> None:
    found = {extension.oid: extension for extension in certificate.extensions}
    for value, critical, words in (
        (_BASIC_CONSTRAINTS, True, "it is not marked CA:FALSE, so its key could issue for other labs"),
        (_KEY_USAGE, True, "its key usage is not digitalSignature alone, marked critical"),
        (_EXTENDED_KEY_USAGE, False, "its extended key usage is not server and client"),
        (x509.SubjectAlternativeName([x509.DNSName(lab)]), False, "its SAN is not the lab's name alone"),
    ):
        extension = found.pop(value.oid, None)
        if extension is None or extension.value != value or extension.critical is not critical:
            raise _wrong(words)
    if found:
        raise _wrong("it has an extension that is not expected")
