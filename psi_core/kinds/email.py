"""Email addresses: lower case, domain as domain.py writes it.

email-validator reads the part before the @ only. It would refuse special-use domains (.test, .onion, .local)
and dotless ones by its own list, and ask the DNS; a list of abuse may hold any domain, and this package asks
nobody.
"""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from psi_core.errors import InvalidIndicator
from psi_core.kinds.domain import canonical_domain

MAX_EMAIL = 254  # octets; RFC 5321 section 4.5.3.1.3 with erratum 1690 of RFC 3696

# As short as a domain can be, so that the library's own limit on the whole never strikes before ours.
_ANY_DOMAIN = "@a.b"


def canonical_email(value: str) -> str:
    """One address, no display name, no quoted local part, no address literal. Raises InvalidIndicator."""
    local, at, domain = value.rpartition("@")
    if not at or not local:
        raise InvalidIndicator("email", "needs something before and after one @")
    email = f"{_local_part(local)}@{_mail_domain(domain)}"
    if len(email.encode()) > MAX_EMAIL:
        raise InvalidIndicator("email", f"longer than {MAX_EMAIL} octets")
    return email


def _local_part(local: str) -> str:
    try:
        address = validate_email(
            local + _ANY_DOMAIN,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_quoted_local=False,
            allow_display_name=False,
        )
    except EmailNotValidError:
        # The library's sentence may repeat characters of the value.
        raise InvalidIndicator(
            "email",
            "the part before the @ is not letters, digits and single dots (RFC 5322 dot-atom), unquoted",
        ) from None
    # The library keeps the local part's case, as RFC 5321 asks; no large provider tells the two apart.
    return unicodedata.normalize("NFC", address.local_part.lower())


def _mail_domain(domain: str) -> str:
    try:
        name = canonical_domain(domain)
    except InvalidIndicator as error:
        raise InvalidIndicator("email", f"after the @: {error.reason}") from None
    if "_" in name:
        raise InvalidIndicator("email", "after the @: _ is not allowed in a mail domain")
    return name
