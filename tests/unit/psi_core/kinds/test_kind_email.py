"""Emails and mailboxes: spellings that are read, and what is refused."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical, derived
from psi_core.kinds.mailbox import FOLDINGS

EMAILS = [
    ("john.doe@example.com", "john.doe@example.com"),
    ("  John.Doe@Example.COM\t", "john.doe@example.com"),
    ("O'Brien+news@sub.example.org", "o'brien+news@sub.example.org"),
    ("a@example.com.", "a@example.com"),
    ("1@2.co", "1@2.co"),
    ("Jürgen@example.com", "jürgen@example.com"),
    ("J\u0075\u0308rgen@example.com", "jürgen@example.com"),  # u and a combining diaeresis
    ("a@straße.de", "a@xn--strae-oqa.de"),
    ("a@STRASSE.de", "a@strasse.de"),
    ("a@ＥＸＡＭＰＬＥ。com", "a@example.com"),  # full-width letters and stop, UTS-46
    ("a@xn--strae-oqa.DE", "a@xn--strae-oqa.de"),
    # Names that email-validator refuses by its list of special-use domains.
    ("a@lab-a.example", "a@lab-a.example"),
    ("a@host.test", "a@host.test"),
    ("a@printer.local", "a@printer.local"),
    ("a@abcdefghijklmnop.onion", "a@abcdefghijklmnop.onion"),
    ("a@nowhere.invalid", "a@nowhere.invalid"),
    ("x" * 242 + "@example.com", "x" * 242 + "@example.com"),
]

REFUSED_EMAILS = [
    ("john.doe", "one @"),
    ("@example.com", "one @"),
    ("john@", "after the @"),
    ("john@doe@example.com", "before the @"),
    ("john..doe@example.com", "before the @"),
    (".john@example.com", "before the @"),
    ("john doe@example.com", "before the @"),
    ('"john doe"@example.com', "before the @"),
    ("John Doe <john@example.com>", "before the @"),
    ("mailto:john@example.com", "before the @"),
    ("john＠example.com", "one @"),  # full-width @
    ("john@[192.0.2.1]", "after the @"),
    ("john@192.0.2.1", "after the @"),
    ("john@localhost", "two labels"),
    ("john@exa_mple.com", "_ is not allowed"),
    ("john@example..com", "empty label"),
    ("jo\x00hn@example.com", "control character"),
    ("john\nBcc: x@example.com", "control character"),
    ("x" * 243 + "@example.com", "254 octets"),
    ("", "empty"),
    (" \t ", "empty"),
]

MAILBOXES = [
    ("J.o.h.n+shop@GMail.com", "john@gmail.com"),
    ("john@googlemail.com", "john@gmail.com"),
    ("john+x@outlook.com", "john@outlook.com"),
    ("jo.hn@outlook.com", "jo.hn@outlook.com"),
    ("john+x@hotmail.co.uk", "john@hotmail.co.uk"),
    ("john+x@live.com", "john@live.com"),
    ("john+x@fastmail.fm", "john@fastmail.fm"),
    ("john+x@proton.me", "john@proton.me"),
    ("john+x@icloud.com", "john@icloud.com"),
    ("john+x@me.com", "john@icloud.com"),
    ("john@mac.com", "john@icloud.com"),
    ("john-shop@yahoo.com", "john@yahoo.com"),
    ("john+shop@yahoo.com", "john+shop@yahoo.com"),
    ("john-shop@gmail.com", "john-shop@gmail.com"),
    ("john+x@lab-a.example", "john+x@lab-a.example"),
    ("john+x@mail.gmail.com", "john+x@mail.gmail.com"),
    # Nothing, or no address, would be left.
    ("+x@googlemail.com", "+x@googlemail.com"),
    ("-x@yahoo.com", "-x@yahoo.com"),
    ("john.-x@yahoo.com", "john.-x@yahoo.com"),
]


@pytest.mark.parametrize(("spelling", "form"), EMAILS)
def test_email_read(spelling: str, form: str) -> None:
    assert canonical("email", spelling) == form


@pytest.mark.parametrize(("value", "reason"), REFUSED_EMAILS)
def test_email_refused(value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical("email", value)
    assert refused.value.kind == "email"


@pytest.mark.parametrize(("spelling", "form"), MAILBOXES)
def test_mailbox_folded(spelling: str, form: str) -> None:
    assert canonical("email_mailbox", spelling) == form


@pytest.mark.parametrize(("spelling", "form"), MAILBOXES)
def test_mailbox_is_derived_from_every_email(spelling: str, form: str) -> None:
    assert derived("email", canonical("email", spelling)) == (("email_mailbox", form),)


def test_mailbox_refusal_names_the_kind_that_was_asked_for() -> None:
    with pytest.raises(InvalidIndicator, match="not a valid email_mailbox"):
        canonical("email_mailbox", "john.doe")


def test_no_domain_is_folded_by_two_rules() -> None:
    domains = [domain for folding in FOLDINGS for domain in folding.domains]
    assert len(domains) == len(set(domains))
    assert all(canonical("domain", domain) == domain for domain in domains)


def test_no_name_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert canonical("email", "john@gmail.com") == "john@gmail.com"
