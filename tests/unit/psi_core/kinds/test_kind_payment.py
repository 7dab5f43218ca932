"""Cards and bank accounts. Card numbers are the networks' published test numbers, IBANs those of the SWIFT registry."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical, derived

READ = [
    ("card", "4111 1111 1111 1111", "4111111111111111"),
    ("card", "4111-1111-1111-1111", "4111111111111111"),
    ("card", "378282246310005", "378282246310005"),
    ("card", "5555555555554444", "5555555555554444"),
    ("card", "6304000000000000", "6304000000000000"),
    ("card_partial", "411111******1111 09/27", "411111:1111:0927"),
    ("card_partial", "411111 1111 0927", "411111:1111:0927"),
    ("card_partial", "411111-1111-09/2027", "411111:1111:0927"),
    ("card_partial", "411111:1111:0927", "411111:1111:0927"),
    ("card_partial", "41111111XXXX1111, 12/30", "41111111:1111:1230"),
    ("iban", "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"),
    ("iban", "gb82west12345698765432", "GB82WEST12345698765432"),
    ("iban", "DE89.3704.0044.0532.0130.00", "DE89370400440532013000"),
    ("iban", "FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606"),
    ("iban", "NO93 8601 1117 947", "NO9386011117947"),
    ("bic", "DEUTDEFF", "DEUTDEFF"),
    ("bic", "deut de ff", "DEUTDEFF"),
    ("bic", "DEUTDEFFXXX", "DEUTDEFF"),
    ("bic", "DEUTDEFF500", "DEUTDEFF500"),
]

REFUSED = [
    ("card", "4111111111111112", "Luhn"),
    ("card", "411111******1111", "card_partial"),
    ("card", "41111111111", "12 to 19"),
    ("card", "4" * 20, "12 to 19"),
    ("card", "0000000000000000", "12 to 19"),
    ("card", "４１１１１１１１１１１１１１１１", "12 to 19"),  # full-width
    ("card_partial", "4111111111111111", "separators"),
    ("card_partial", "41111111110927", "separators"),
    ("card_partial", "411111 1111 1327", "expiry"),
    ("card_partial", "41111 1111 0927", "first 6 or 8"),
    ("card_partial", "411111******1111", "expiry"),
    ("iban", "GB82 WEST 1234 5698 7654 33", "check digits"),
    ("iban", "GB82 WEST 1234 5698 7654", "check digits|length"),
    ("iban", "XX82 WEST 1234 5698 7654 32", "check digits|country"),
    ("iban", "DE89", "two letters"),
    ("iban", "DE89370400440532013Ö00", "plain letters"),
    ("bic", "DEUTDEF", "not 4 letters"),
    ("bic", "DEUTZZFF", "no country"),
    ("bic", "DEU1DEFF", "not 4 letters"),
    ("bic", "DEUTDEﬀ", "plain letters"),  # a ligature that upper() would turn into two letters
]


@pytest.mark.parametrize(("kind", "spelling", "form"), READ)
def test_read(kind: str, spelling: str, form: str) -> None:
    assert canonical(kind, spelling) == form


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED)
def test_refused(kind: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical(kind, value)
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    ("account", "twin"),
    [
        ("DE98370400440500000025", "DE01"),
        ("DE97370400440500000043", "DE00"),
        ("DE02370400440500000007", "DE99"),
    ],
)
def test_check_digits_that_only_mod_97_allows_are_refused(account: str, twin: str) -> None:
    """ISO 7064 MOD 97-10 yields 02 to 98; 00, 01 and 99 leave the remainders of 97, 98 and 02."""
    assert canonical("iban", account) == account
    with pytest.raises(InvalidIndicator, match="check digits"):
        canonical("iban", twin + account[4:])


def test_a_card_never_yields_a_truncated_form() -> None:
    assert derived("card", "4111111111111111") == ()
