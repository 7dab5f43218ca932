"""How one value looks in two labs' files: case, spaces, tags, digits in groups; its canonical form is one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from examples.demo.values import MAILBOX_PROVIDERS, exploded

TAGS = ("news", "trial", "api", "2026")


def plain(_random: Random, kind: str, value: str) -> tuple[str, str]:
    """As a database would hold it: kind and value unchanged."""
    return kind, value


def typed(random: Random, kind: str, value: str) -> tuple[str, str]:
    """As people type it: the same value, spelled in one of several ways. Returns kind and value for the file.

    An address may be written under the kind `ip`, which the import resolves to ipv4 or ipv6.
    """
    if kind in ("ipv4", "ipv6"):
        other = f"::ffff:{value}" if kind == "ipv4" else exploded(value).upper()
        return "ip", random.choice((value, f" {value}", other))
    return kind, random.choice(_WAYS[kind])(random, value)


def _tagged(random: Random, email: str) -> str:
    local, domain = email.split("@")
    return f"{local}+{random.choice(TAGS)}@{domain}" if domain in MAILBOX_PROVIDERS else email


def _dotted(random: Random, email: str) -> str:
    local, domain = email.split("@")
    place = random.randrange(1, len(local))
    return f"{local[:place]}.{local[place:]}@{domain}" if domain == "gmail.com" else email


def _grouped(value: str, separator: str) -> str:
    return separator.join(value[start : start + 4] for start in range(0, len(value), 4))


_WAYS: dict[str, tuple[Callable[[Random, str], str], ...]] = {
    "email": (
        lambda _, email: email.upper(),
        lambda _, email: f"  {email.capitalize()} ",
        _tagged,
        _dotted,
    ),
    "card": (lambda _, card: _grouped(card, " "), lambda _, card: _grouped(card, "-")),
    "iban": (lambda _, iban: _grouped(iban, " "), lambda _, iban: iban.lower()),
    "device_id": (lambda _, device: device, lambda _, device: f" {device}  "),
    "user_agent": (lambda _, agent: f"{agent} ", lambda _, agent: agent.replace(" ", "  ")),
}
