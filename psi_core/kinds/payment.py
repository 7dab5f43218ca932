"""Payment cards and bank accounts.

A card number is only ever kept as a keyed hash (PCI DSS 3.5.1.1), and never beside a truncated form of
itself.
"""

from __future__ import annotations

import re

from stdnum import bic, iban, luhn
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError

from psi_core.errors import InvalidIndicator

_SEPARATORS = re.compile(r"[\s.\-\u2010-\u2015]+")
_CARD = re.compile(r"[1-9][0-9]{11,18}")  # ISO/IEC 7812-1: at most 19; 0 is no issuer's first digit
_CARD_PARTIAL = re.compile(
    r"(?P<first>[0-9]{8}|[0-9]{6})"
    r"[\s*x\u2022.:,;|/\-]+(?P<last>[0-9]{4})"
    r"[\s:,;|/\-]+(?P<month>0[1-9]|1[0-2])[/\-]?(?:20)?(?P<year>[0-9]{2})"
)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def canonical_card(value: str) -> str:
    """12 to 19 digits. Raises InvalidIndicator."""
    digits = _SEPARATORS.sub("", value)
    if not _CARD.fullmatch(digits):
        raise InvalidIndicator("card", "not 12 to 19 digits (a masked number is of kind card_partial)")
    try:
        return luhn.validate(digits)
    except ValidationError:
        raise InvalidIndicator("card", "the check digit (Luhn) is wrong") from None


def canonical_card_partial(value: str) -> str:
    """`<first 6 or 8>:<last 4>:<MMYY>`; six and eight first digits do not match one another.

    Read from the three parts in this order with anything usual between them: `411111******1111 09/27`. Digits
    in one run are refused, as they may be a whole card number. Raises InvalidIndicator.
    """
    parts = _CARD_PARTIAL.fullmatch(value.lower())
    if parts is None:
        raise InvalidIndicator(
            "card_partial", "not the first 6 or 8 digits, the last 4 and the expiry MM/YY, with separators"
        )
    return f"{parts['first']}:{parts['last']}:{parts['month']}{parts['year']}"


def canonical_iban(value: str) -> str:
    """15 to 34 letters and digits (ISO 13616). Raises InvalidIndicator."""
    account = _compact("iban", value)
    if not _IBAN.fullmatch(account):
        raise InvalidIndicator("iban", "not two letters, two digits and 11 to 30 letters and digits")
    if (
        not "02" <= account[2:4] <= "98"
    ):  # ISO 7064 MOD 97-10 gives no others; mod 97 alone would let them pass
        raise InvalidIndicator("iban", "the check digits (mod 97) are wrong")
    try:
        return iban.validate(account)
    except InvalidChecksum:
        raise InvalidIndicator("iban", "the check digits (mod 97, or the country's own) are wrong") from None
    except InvalidComponent:
        raise InvalidIndicator("iban", "its country has no IBAN, or it names no bank") from None
    except ValidationError:
        raise InvalidIndicator("iban", "its country's IBAN has another length or other characters") from None


def canonical_bic(value: str) -> str:
    """8 characters, or 11 for a branch (ISO 9362); branch XXX is the head office, and is left out.

    Raises InvalidIndicator.
    """
    code = _compact("bic", value)
    try:
        code = bic.validate(code)
    except InvalidComponent:
        raise InvalidIndicator("bic", "letters 5 and 6 are no country") from None
    except ValidationError:
        raise InvalidIndicator(
            "bic", "not 4 letters, 2 for the country, 2 and perhaps 3 characters more"
        ) from None
    return code[:8] if code[8:] == "XXX" else code


def _compact(kind: str, value: str) -> str:
    code = _SEPARATORS.sub("", value)
    # Checked before upper(), which makes ASCII of some letters (a sharp s, a dotless i).
    if not code.isascii():
        raise InvalidIndicator(kind, "holds other characters than plain letters and digits")
    return code.upper()
