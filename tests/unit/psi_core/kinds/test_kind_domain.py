"""Domains and registrable domains."""

from __future__ import annotations

from pathlib import Path

import idna
import publicsuffixlist
import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical, derived

DOMAINS = [
    ("Example.COM", "example.com"),
    ("example.com.", "example.com"),
    ("_dmarc.example.com", "_dmarc.example.com"),
    ("a_b.example.com", "a_b.example.com"),
    ("r3---sn-abc.googlevideo.com", "r3---sn-abc.googlevideo.com"),
    ("lab-a.example", "lab-a.example"),
    ("abcdefghijklmnop.onion", "abcdefghijklmnop.onion"),
    ("1.2.3.com", "1.2.3.com"),
    ("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"),
    # UTS-46 section 4: sharp s is kept in non-transitional processing; Python's own codec gives fass.de
    ("Faß.de", "xn--fa-hia.de"),
    ("FAẞ.DE", "xn--fa-hia.de"),
    ("xn--fa-hia.de", "xn--fa-hia.de"),
    ("XN--FA-HIA.de", "xn--fa-hia.de"),
    ("Bücher.example", "xn--bcher-kva.example"),
    ("Bu\u0308cher.example", "xn--bcher-kva.example"),
    ("ｅｘａｍｐｌｅ。ＣＯＭ", "example.com"),
    ("ex\u00adample.com", "example.com"),  # a soft hyphen is ignored by UTS-46
    ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    # Symbols that IDNA 2008 refuses and registries sell
    ("i❤.ws", "xn--i-7iq.ws"),
    ("xn--i-7iq.ws", "xn--i-7iq.ws"),
    ("a" * 63 + ".com", "a" * 63 + ".com"),
]

REFUSED_DOMAINS = [
    ("localhost", "two labels"),
    ("com.", "two labels"),
    (".example.com", "empty label"),
    ("example..com", "empty label"),
    ("example.com..", "empty label"),
    ("192.0.2.1", "ends in a number"),
    ("example.0x1f", "ends in a number"),
    ("https://example.com/", "no scheme"),
    ("example.com:443", "no scheme"),
    ("*.example.com", "wildcard"),
    ("exa mple.com", "other characters"),
    ("-a.example.com", "at its edge"),
    ("a-.example.com", "at its edge"),
    ("a" * 64 + ".com", "63 octets"),
    (".".join(["a" * 62] * 5), "253 octets"),
    ("xn--zzzzz99999.de", "xn--"),
    ("xn--.de", "xn--|at its edge"),
    ("xn--example-.com", "xn--"),
    ("xn--a_b-.com", "xn--|at its edge"),
    ("xn---bbk.com", "xn--"),  # a second spelling of xn--bbk
    ("xn--FA-hia.xn--straSSe-.de", "xn--"),
    ("a\u200db.com", "contextj"),  # a joiner where no script wants one
    ("\u0301a.com", "leading_combiner"),
    ("a\u2024b.com", "uts46_disallowed"),  # a one dot leader
    ("x" * 2000, "input_too_long|63 octets"),
    ("", "empty"),
]

# From test_psl.txt, the public suffix list's own tests
REGISTRABLE = [
    ("www.example.com", "example.com"),
    ("a.b.example.com", "example.com"),
    ("b.domain.biz", "domain.biz"),
    ("test.ac.jp", "test.ac.jp"),
    ("www.test.k12.ak.us", "test.k12.ak.us"),
    ("a.b.c.kobe.jp", "b.c.kobe.jp"),
    ("www.city.kobe.jp", "city.kobe.jp"),
    ("www.www.ck", "www.ck"),
    ("shishi.中国", "shishi.xn--fiqs8s"),
    ("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"),
    # an unlisted last label is a suffix, a tenant of a private suffix is registrable
    ("www.lab-a.example", "lab-a.example"),
    ("deep.octocat.github.io", "octocat.github.io"),
]


@pytest.mark.parametrize(("spelling", "form"), DOMAINS)
def test_domain_read(spelling: str, form: str) -> None:
    assert canonical("domain", spelling) == form


@pytest.mark.parametrize(("value", "reason"), REFUSED_DOMAINS)
def test_domain_refused(value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical("domain", value)
    assert refused.value.kind == "domain"


@pytest.mark.parametrize(("spelling", "form"), REGISTRABLE)
def test_registrable_domain(spelling: str, form: str) -> None:
    assert canonical("registrable_domain", spelling) == form
    assert derived("domain", canonical("domain", spelling)) == (("registrable_domain", form),)


@pytest.mark.parametrize("suffix", ["co.uk", "github.io", "kobe.jp"])
def test_a_public_suffix_has_no_registrable_domain(suffix: str) -> None:
    assert derived("domain", suffix) == ()
    with pytest.raises(InvalidIndicator, match="public suffix"):
        canonical("registrable_domain", suffix)


def test_the_list_encodes_its_own_names_as_we_encode_domains() -> None:
    # publicsuffixlist uses Python's IDNA 2003 codec for its list; where that differed, a suffix would be missed.
    text = (Path(publicsuffixlist.__file__).parent / "public_suffix_list.dat").read_text(encoding="utf-8")
    rules = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]
    outside_ascii = [rule.lstrip("!*.") for rule in rules if not rule.isascii()]
    assert len(outside_ascii) > 100
    for rule in outside_ascii:
        assert rule.encode("idna") == idna.encode(rule, uts46=True)
