"""The one shape of certificate is made and accepted; every other shape is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from psi_core.errors import InvalidCertificate
from psi_core.identity.certificate import (
    MAX_DER,
    VALIDITY,
    certificate_pin,
    check_key,
    check_shape,
    der_of_pem,
    issue,
    pem_of_der,
)

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB = "lab-a.example"
DIGITAL_SIGNATURE = {
    "digital_signature": True,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}
SERVER_AND_CLIENT = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]

type_of_key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def name(lab: str, *more: x509.NameAttribute) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, lab), *more])


class Shape:
    """The right shape, part by part; a test changes one part and builds it."""

    def __init__(self) -> None:
        self.key: type_of_key = ec.generate_private_key(ec.SECP256R1())
        self.signing_key: type_of_key | None = None
        self.subject = name(LAB)
        self.issuer = name(LAB)
        self.validity = VALIDITY
        self.algorithm: hashes.HashAlgorithm | None = hashes.SHA256()
        self.extensions: dict[str, tuple[x509.ExtensionType, bool]] = {
            "basic": (x509.BasicConstraints(ca=False, path_length=None), True),
            "usage": (x509.KeyUsage(**DIGITAL_SIGNATURE), True),
            "extended": (x509.ExtendedKeyUsage(SERVER_AND_CLIENT), False),
            "names": (x509.SubjectAlternativeName([x509.DNSName(LAB)]), False),
        }

    def der(self) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW)
            .not_valid_after(NOW + self.validity)
        )
        for value, critical in self.extensions.values():
            builder = builder.add_extension(value, critical=critical)
        certificate = builder.sign(self.signing_key or self.key, self.algorithm)  # type: ignore[arg-type] # Ed25519 has no hash
        return certificate.public_bytes(serialization.Encoding.DER)


def test_the_shape_that_a_card_carries_is_accepted() -> None:
    _, pem = issue(LAB, NOW)
    check_shape(der_of_pem(pem), LAB)
    check_shape(Shape().der(), LAB)


def test_it_runs_ten_years_and_starts_an_hour_early() -> None:
    certificate = x509.load_pem_x509_certificate(issue(LAB, NOW)[1])
    assert certificate.not_valid_before_utc == NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc == NOW - timedelta(hours=1) + timedelta(days=3652)


def ca(shape: Shape) -> None:
    shape.extensions["basic"] = (x509.BasicConstraints(ca=True, path_length=0), True)


def no_basic_constraints(shape: Shape) -> None:
    del shape.extensions["basic"]


def basic_constraints_not_critical(shape: Shape) -> None:
    shape.extensions["basic"] = (x509.BasicConstraints(ca=False, path_length=None), False)


def may_sign_certificates(shape: Shape) -> None:
    shape.extensions["usage"] = (x509.KeyUsage(**{**DIGITAL_SIGNATURE, "key_cert_sign": True}), True)


def may_agree_on_keys(shape: Shape) -> None:
    shape.extensions["usage"] = (x509.KeyUsage(**{**DIGITAL_SIGNATURE, "key_agreement": True}), True)


def usage_not_critical(shape: Shape) -> None:
    shape.extensions["usage"] = (x509.KeyUsage(**DIGITAL_SIGNATURE), False)


def no_usage(shape: Shape) -> None:
    del shape.extensions["usage"]


def server_only(shape: Shape) -> None:
    shape.extensions["extended"] = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)


def any_extended_usage(shape: Shape) -> None:
    usages = [*SERVER_AND_CLIENT, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]
    shape.extensions["extended"] = (x509.ExtendedKeyUsage(usages), False)


def no_extended_usage(shape: Shape) -> None:
    del shape.extensions["extended"]


def second_name(shape: Shape) -> None:
    names = [x509.DNSName(LAB), x509.DNSName("lab-c.example")]
    shape.extensions["names"] = (x509.SubjectAlternativeName(names), False)


def wildcard(shape: Shape) -> None:
    shape.extensions["names"] = (x509.SubjectAlternativeName([x509.DNSName("*.example")]), False)


def address_as_name(shape: Shape) -> None:
    names = [x509.DNSName(LAB), x509.IPAddress(IPv4Address("127.0.0.1"))]
    shape.extensions["names"] = (x509.SubjectAlternativeName(names), False)


def no_alternative_name(shape: Shape) -> None:
    del shape.extensions["names"]


def extra_extension(shape: Shape) -> None:
    identifier = x509.SubjectKeyIdentifier.from_public_key(shape.key.public_key())
    shape.extensions["identifier"] = (identifier, False)


def unknown_critical_extension(shape: Shape) -> None:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
    shape.extensions["unknown"] = (x509.UnrecognizedExtension(oid, b"\x05\x00"), True)


def name_of_an_unsupported_type(shape: Shape) -> None:
    x400_address = b"\x30\x04\xa3\x02\x30\x00"
    shape.extensions["names"] = (
        x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, x400_address),
        False,
    )


def name_constraints(shape: Shape) -> None:
    shape.extensions["constraints"] = (x509.NameConstraints([x509.DNSName("example")], None), True)


def other_labs_subject(shape: Shape) -> None:
    shape.subject = shape.issuer = name("lab-c.example")


def subject_with_more(shape: Shape) -> None:
    more = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A")
    shape.subject = shape.issuer = name(LAB, more)


def subject_in_another_string_type(shape: Shape) -> None:
    printable = x509.NameAttribute(NameOID.COMMON_NAME, LAB, _type=_ASN1Type.PrintableString)
    shape.subject = shape.issuer = x509.Name([printable])


def other_issuer(shape: Shape) -> None:
    shape.issuer = name("lab-b.example")


def signed_by_another_key(shape: Shape) -> None:
    shape.signing_key = ec.generate_private_key(ec.SECP256R1())


def p384(shape: Shape) -> None:
    shape.key = ec.generate_private_key(ec.SECP384R1())


def rsa_key(shape: Shape) -> None:
    shape.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ed25519_key(shape: Shape) -> None:
    shape.key, shape.algorithm = ed25519.Ed25519PrivateKey.generate(), None


def sha384(shape: Shape) -> None:
    shape.algorithm = hashes.SHA384()


def eleven_years(shape: Shape) -> None:
    shape.validity = timedelta(days=11 * 366)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (ca, "CA:FALSE"),
        (no_basic_constraints, "CA:FALSE"),
        (basic_constraints_not_critical, "CA:FALSE"),
        (may_sign_certificates, "key usage"),
        (may_agree_on_keys, "key usage"),
        (usage_not_critical, "key usage"),
        (no_usage, "key usage"),
        (server_only, "extended key usage"),
        (any_extended_usage, "extended key usage"),
        (no_extended_usage, "extended key usage"),
        (second_name, "SAN"),
        (wildcard, "SAN"),
        (address_as_name, "SAN"),
        (no_alternative_name, "SAN"),
        (extra_extension, "not expected"),
        (unknown_critical_extension, "not expected"),
        (name_of_an_unsupported_type, "does not parse"),
        (name_constraints, "not expected"),
        (other_labs_subject, "subject"),
        (subject_with_more, "subject"),
        (subject_in_another_string_type, "subject"),
        (other_issuer, "another key issued it"),
        (signed_by_another_key, "own key did not sign"),
        (p384, "P-256"),
        (rsa_key, "P-256"),
        (ed25519_key, "P-256"),
        (sha384, "SHA-256"),
        (eleven_years, "ten years"),
    ],
)
def test_every_other_shape_is_refused(change: Callable[[Shape], None], words: str) -> None:
    shape = Shape()
    change(shape)
    with pytest.raises(InvalidCertificate, match=words):
        check_shape(shape.der(), LAB)


def test_a_certificate_for_another_lab_issued_under_a_pinned_key_is_refused() -> None:
    key_pem, _ = issue(LAB, NOW)
    key = serialization.load_pem_private_key(key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    forged = Shape()
    forged.subject, forged.issuer, forged.signing_key = name("lab-c.example"), name(LAB), key
    forged.extensions["names"] = (x509.SubjectAlternativeName([x509.DNSName("lab-c.example")]), False)
    for lab in (LAB, "lab-c.example"):
        with pytest.raises(InvalidCertificate):
            check_shape(forged.der(), lab)


def test_another_labs_certificate_is_refused() -> None:
    with pytest.raises(InvalidCertificate, match="subject"):
        check_shape(der_of_pem(issue("lab-c.example", NOW)[1]), LAB)


@pytest.mark.parametrize("bad", [b"", b"\x30", b"\x30\x80\x00\x00", b"not a certificate", b"\x00" * 400])
def test_bytes_that_are_no_certificate_are_refused(bad: bytes) -> None:
    with pytest.raises(InvalidCertificate):
        check_shape(bad, LAB)


def test_cut_off_longer_and_oversized_bytes_are_refused() -> None:
    der = Shape().der()
    for bad in (der[:-1], der + b"\x00", der + der):
        with pytest.raises(InvalidCertificate):
            check_shape(bad, LAB)
    with pytest.raises(InvalidCertificate, match=f"at most {MAX_DER}"):
        check_shape(der + b"\x00" * MAX_DER, LAB)


def tlv(tag: int, body: bytes) -> bytes:
    return bytes([tag, 0x82]) + len(body).to_bytes(2, "big") + body


def test_one_extension_twice_is_refused() -> None:
    """The builder cannot make it: two unknown extensions get one name, and the result is signed by hand."""
    shape = Shape()
    for last in (b"\x01", b"\x02"):
        oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.99999.{last[0]}")
        shape.extensions[oid.dotted_string] = (x509.UnrecognizedExtension(oid, b"\x05\x00"), False)
    made = x509.load_der_x509_certificate(shape.der())
    stem = b"\x06\x09\x2b\x06\x01\x04\x01\x86\x8d\x1f"
    assert made.tbs_certificate_bytes.count(stem) == 2
    body = made.tbs_certificate_bytes.replace(stem + b"\x02", stem + b"\x01")
    assert isinstance(shape.key, ec.EllipticCurvePrivateKey)
    signature = b"\x00" + shape.key.sign(body, ec.ECDSA(hashes.SHA256()))
    ecdsa_with_sha256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
    der = tlv(0x30, body + ecdsa_with_sha256 + bytes([0x03, len(signature)]) + signature)
    with pytest.raises(InvalidCertificate, match="does not parse"):
        check_shape(der, LAB)


def test_a_signature_with_unused_bits_is_refused() -> None:
    """Its last byte ends in a zero bit, so that calling the bit unused leaves a well-formed bit string."""
    der = next(der for der in iter(Shape().der, b"") if der[-1] % 2 == 0)
    signature = x509.load_der_x509_certificate(der).signature
    assert der.endswith(b"\x00" + signature)
    with pytest.raises(InvalidCertificate, match="DER"):
        check_shape(der.removesuffix(b"\x00" + signature) + b"\x01" + signature, LAB)


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_every_single_changed_bit_is_refused(bit: int) -> None:
    """No bit of a certificate is free: were one, two pins would stand for one key."""
    der = der_of_pem(issue(LAB, NOW)[1])
    for position in range(len(der)):
        changed = der[:position] + bytes([der[position] ^ bit]) + der[position + 1 :]
        with pytest.raises(InvalidCertificate):
            check_shape(changed, LAB)


def test_a_lab_name_that_does_not_fit_into_a_subject_is_refused() -> None:
    issue("a" * 56 + ".example", NOW)
    with pytest.raises(InvalidCertificate, match="shorter name"):
        issue("a" * 57 + ".example", NOW)
    with pytest.raises(InvalidCertificate):
        check_shape(Shape().der(), "a" * 57 + ".example")


def test_pem_and_der_are_each_others_inverse_and_the_pin_is_sha256_of_der() -> None:
    _, pem = issue(LAB, NOW)
    der = der_of_pem(pem)
    assert pem_of_der(der) == pem
    assert certificate_pin(der) == x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256())
    with pytest.raises(InvalidCertificate):
        der_of_pem(b"no pem")


def test_a_key_that_belongs_to_another_certificate_is_refused() -> None:
    key_pem, pem = issue(LAB, NOW)
    check_key(key_pem, pem)
    with pytest.raises(InvalidCertificate, match="restore both"):
        check_key(issue(LAB, NOW)[0], pem)
    with pytest.raises(InvalidCertificate, match="restore both"):
        check_key(b"no pem", pem)
