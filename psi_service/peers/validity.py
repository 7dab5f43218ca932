"""Whether a TLS certificate is valid now. Cards are checked for shape; the clock is the node's to ask."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from psi_core.errors import InvalidCertificate


def check_valid_at(der: bytes, now: datetime) -> None:
    """Raise InvalidCertificate unless `now` (aware) lies within the certificate's validity; `der` is DER."""
    certificate = x509.load_der_x509_certificate(der)
    if now > certificate.not_valid_after_utc:
        raise InvalidCertificate(f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if now < certificate.not_valid_before_utc:
        raise InvalidCertificate(
            f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )
