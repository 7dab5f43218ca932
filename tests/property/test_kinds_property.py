"""Kinds under any input: forms are fixed points, spellings agree, nothing but InvalidIndicator is raised."""

from __future__ import annotations

from ipaddress import IPv4Address
from math import prod
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban as iban_numbers
from stdnum import luhn

from psi_core.errors import InvalidIndicator, InvalidMatchKey
from psi_core.kinds import KINDS, MatchKey, canonical, derived, fingerprint, resolved

KEY = bytes(range(32))

# Spellings that hypothesis bends: what breaks a reader is close to what it reads.
SPELLINGS = {
    "email": ["a.b+c@gmail.com", "x@straße.de", "Ünï@Exämple.COM"],
    "email_mailbox": ["a.b+c@gmail.com", "a-b@yahoo.de", "x+@me.com"],
    "phone": ["+49 (0) 30 123456", "0049 30 12345", "+39 (0)6 698 12345", "+7 8 800 555 35 35"],
    "card": ["4111 1111 1111 1111"],
    "card_partial": ["411111******1111 09/27"],
    "iban": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"],
    "bic": ["DEUTDEFFXXX"],
    "evm_address": ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"],
    "btc_address": ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
    "ipv4": ["1.2.3.4", "::ffff:1.2.3.4"],
    "ipv6": ["fe80::1%eth0", "2001:db8::1/128"],
    "ip_prefix": ["2001:db8::/48", "1.2.3.4/24"],
    "domain": ["straße.de", "i❤.ws", "xn--strae-oqa.de", "_a.example.com", "בדיקה.example"],
    "registrable_domain": ["a.b.co.uk"],
    "asn": ["AS1.10"],
    "ja4": ["t13d1516h2_8daaf6152771_b186095e22b6"],
    "user_agent": ["Mozilla/5.0  (X11)"],
    "device_id": ["a:b"],
    "username": ["github: E\u0301"],
    "organisation": ["x:y"],
    "prompt_template": ["Write a 'long' review \"of\" 12,000.5 “words” for ‘us’, don't sign it. " * 2],
}
BENT_WITH = " .-+@()0123456789'\"“”‘_%/:xX#\u0301\u200dß❤。＠İςΣ\u00a0"


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, str]:
    """A kind, and one of its spellings after up to four insertions, replacements or deletions."""
    kind = draw(st.sampled_from(sorted(SPELLINGS)))
    text = list(draw(st.sampled_from(SPELLINGS[kind])))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(text)))
        character = draw(st.one_of(st.sampled_from(BENT_WITH), st.characters()))
        match draw(st.sampled_from(["insert", "replace", "delete"])):
            case "insert":
                text.insert(place, character)
            case "replace":
                text[place : place + 1] = [character]
            case _:
                del text[place : place + 1]
    return kind, "".join(text)


def test_every_kind_is_bent() -> None:
    assert set(SPELLINGS) == set(KINDS)


@settings(max_examples=800, deadline=None)
@given(st.one_of(bent(), st.tuples(st.sampled_from(sorted(KINDS)), st.text())))
def test_canonical_is_a_fixed_point_and_raises_nothing_else(case: tuple[str, str]) -> None:
    kind, value = case
    for region in (None, "DE"):
        try:
            form = canonical(kind, value, region=region)
        except InvalidIndicator:
            continue
        assert canonical(kind, form) == form
        assert form == form.strip()
        for further, its_form in derived(kind, form):
            assert canonical(further, its_form) == its_form


def spelled(draw: st.DrawFn, digits: str, separators: str) -> str:
    """The same characters with any of the separators, or none, between them."""
    between = draw(
        st.lists(st.sampled_from(["", *separators]), min_size=len(digits) - 1, max_size=len(digits) - 1)
    )
    return "".join(character + gap for character, gap in zip(digits, [*between, ""], strict=True))


def cased(draw: st.DrawFn, text: str) -> str:
    upper = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(c.upper() if up else c.lower() for c, up in zip(text, upper, strict=True))


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--")
)
DOMAIN = st.builds(
    lambda labels, top: ".".join([*labels, top]),
    st.lists(LABEL, min_size=1, max_size=3),
    st.from_regex(r"[a-z]{2,6}", fullmatch=True),
)


def _emails(draw: st.DrawFn) -> tuple[str, str]:
    local = draw(st.from_regex(r"[a-z0-9_+'-]{1,12}(\.[a-z0-9]{1,5})?", fullmatch=True))
    plain = f"{local}@{draw(DOMAIN)}"
    return plain, f" {cased(draw, plain)}{draw(st.sampled_from(['', '.']))}\t"


def _domains(draw: st.DrawFn) -> tuple[str, str]:
    plain = draw(DOMAIN)
    full_width = "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in plain)
    other = draw(st.sampled_from([plain + ".", full_width, plain.replace(".", "。")]))
    return cased(draw, plain), other


def _cards(draw: st.DrawFn) -> tuple[str, str]:
    body = draw(st.from_regex(r"[1-9][0-9]{10,17}", fullmatch=True))
    plain = body + luhn.calc_check_digit(body)
    return plain, spelled(draw, plain, " -")


def _ibans(draw: st.DrawFn) -> tuple[str, str]:
    body = draw(st.from_regex(r"37040044[0-9]{10}", fullmatch=True))
    plain = f"DE{iban_numbers.calc_check_digits('DE00' + body)}{body}"
    return plain, cased(draw, spelled(draw, plain, " -"))


def _addresses(draw: st.DrawFn) -> tuple[str, str]:
    address = draw(st.ip_addresses())
    if isinstance(address, IPv4Address):
        return str(address), draw(st.sampled_from([f"::ffff:{address}", f"{address}/32"]))
    return address.exploded.upper(), f"{address.compressed}%eth0"


def _wallets(draw: st.DrawFn) -> tuple[str, str]:
    plain = draw(st.text("0123456789abcdef", min_size=40, max_size=40))
    return "0x" + plain, plain.upper()


def _systems(draw: st.DrawFn) -> tuple[str, str]:
    number = draw(st.integers(1, 2**32 - 1))
    return str(number), f"as {number >> 16}.{number & 0xFFFF}"


def _banks(draw: st.DrawFn) -> tuple[str, str]:
    plain = "DEUTDE" + draw(st.from_regex(r"[A-Z0-9]{2}", fullmatch=True))
    return plain, cased(draw, spelled(draw, plain + "XXX", " -"))


def _phones(draw: st.DrawFn) -> tuple[str, str]:
    local = draw(st.from_regex(r"[1-9][0-9]{5,7}", fullmatch=True))
    front = draw(st.sampled_from(["+49 (0) 30 ", "0049 30", "+49(0)30/"]))
    return f"+4930{local}", front + spelled(draw, local, " -/.")


TWINS = {
    "email": _emails,
    "domain": _domains,
    "card": _cards,
    "iban": _ibans,
    "ip": _addresses,
    "evm_address": _wallets,
    "asn": _systems,
    "bic": _banks,
    "phone": _phones,
}


@st.composite
def twins(draw: st.DrawFn) -> tuple[str, str, str]:
    """A kind, and two spellings of one value."""
    kind = draw(st.sampled_from(sorted(TWINS)))
    return kind, *TWINS[kind](draw)


@settings(max_examples=300, deadline=None)
@given(twins())
def test_equal_spellings_give_equal_fingerprints(twin: tuple[str, str, str]) -> None:
    kind, one, other = twin
    assert fingerprint(KEY, *resolved(kind, one)) == fingerprint(KEY, *resolved(kind, other))


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60), st.integers(0, 99_999))
def test_two_fillings_of_one_template_agree(first: str, second: str, number: int) -> None:
    def filled(slot: str, count: int) -> str:
        quiet = "".join(character for character in slot if character.isalnum() or character == " ")
        return f'Please write {count} different reviews of the product "{quiet}", each with five stars and a name'

    assert canonical("prompt_template", filled(first, number)) == canonical(
        "prompt_template", filled(second, 7)
    )


VALUES = st.lists(st.binary(min_size=32, max_size=32), max_size=5)
JOINED = MatchKey.parse("ip+user_agent+asn")


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries({"ipv4": VALUES, "ipv6": VALUES, "user_agent": VALUES, "asn": VALUES}),
    st.randoms(use_true_random=False),
)
def test_joined_match_keys_do_not_depend_on_the_order_of_values_and_are_capped(
    by_kind: dict[str, list[bytes]], random: Random
) -> None:
    shuffled = {kind: random.sample(values, len(values)) for kind, values in by_kind.items()}
    sizes = [len({*by_kind["ipv4"], *by_kind["ipv6"]}), len({*by_kind["user_agent"]}), len({*by_kind["asn"]})]
    if prod(sizes) > 64:
        with pytest.raises(InvalidMatchKey, match="combinations"):
            JOINED.fingerprints(KEY, by_kind)
        return
    elements = JOINED.fingerprints(KEY, by_kind)
    assert elements == JOINED.fingerprints(KEY, shuffled)
    assert len(elements) == len(set(elements)) == prod(sizes)
