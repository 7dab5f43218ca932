"""Phone numbers to E.164."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical

NUMBERS = [
    ("+493012345678", None, "+493012345678"),
    ("+49 30 12345678", None, "+493012345678"),
    ("+49 (0) 30 1234-5678", None, "+493012345678"),
    ("+49(0)30/12345678", None, "+493012345678"),
    ("0049 (0)30 12345678", None, "+493012345678"),
    ("00 49 30 12345678", None, "+493012345678"),
    ("(0049) 30 12345678", None, "+493012345678"),
    ("0049 30 12345678", "US", "+493012345678"),  # 00 is international wherever the lab is
    ("030 12345678", "DE", "+493012345678"),
    ("(0)30 12345678", "DE", "+493012345678"),
    ("030 12345678", "de", "+493012345678"),
    ("+49 30 12345678", "US", "+493012345678"),
    ("+４９ ３０ １２３４５６７８", None, "+493012345678"),  # full-width digits
    ("\u202a+49 30 12345678\u202c", None, "+493012345678"),  # marks that address books add when copied from
    ("tel:+49-30-12345678", None, "+493012345678"),
    ("(202) 555-0123", "US", "+12025550123"),
    ("+1.202.555.0123", None, "+12025550123"),
    # Italy's zero belongs to the number; Russia's does not, and the library alone would keep it.
    ("+39 06 698 12345", None, "+390669812345"),
    ("+39 (0)6 698 12345", None, "+390669812345"),
    ("+7 (0) 495 1234567", None, "+74951234567"),
    ("+800 1234 5678", None, "+80012345678"),  # international freephone, no region
]

REFUSED = [
    ("030 12345678", None, "give the region"),
    ("+0049 30 12345678", None, "region|not a phone number"),
    ("+999 123456789", None, "unknown country code"),
    ("+49", None, "not a phone number"),
    ("+1 202 555 012", None, "length"),
    ("+1 202 555 0123 4567 890", None, "length|too long"),
    ("110", "DE", "length"),
    ("+20 00 98898732", None, "two numbers"),  # its E.164 form would lose a zero when read again
    ("+1 202 555 0123 ext. 5", None, "letters"),
    ("1-800-FLOWERS", "US", "letters"),
    ("n/a", None, "letters"),
    ("+" + "1" * 300, None, "too long"),
    ("030 12345678", "XX", "two letters"),
    ("030 12345678", "Germany", "two letters"),
    ("", None, "empty"),
]


@pytest.mark.parametrize(("spelling", "region", "form"), NUMBERS)
def test_phone_read(spelling: str, region: str | None, form: str) -> None:
    assert canonical("phone", spelling, region=region) == form


@pytest.mark.parametrize(("value", "region", "reason"), REFUSED)
def test_phone_refused(value: str, region: str | None, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical("phone", value, region=region)
    assert refused.value.kind == "phone"
