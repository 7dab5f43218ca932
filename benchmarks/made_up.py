"""Made-up rows of mixed kinds, from a seed: what a lab's export looks like, spelled as people and systems do."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from stdnum import luhn
from stdnum.iso7064 import mod_97_10

COLUMNS = ("actor", "kind", "value", "first_seen", "last_seen", "confidence", "tlp", "label")
UNUSUAL = 0.02
"""The share of values that only the kind's library can read: other alphabets, brackets, zeros left in."""

_DOMAINS = ("gmail.com", "outlook.com", "proton.me", "gmx.net", "mail.example.org", "tempr.email", "web.de")
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)


def write_rows(path: Path, rows: int, seed: int = 2026) -> None:
    """Write a CSV file in the long form with so many rows; an actor has about five, one after another."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_rows(rows, Random(seed)))


def _rows(rows: int, random: Random) -> Iterator[tuple[str, ...]]:
    kinds = list(_MAKERS.items())
    for number in range(rows):
        kind, make = kinds[number % len(kinds)]
        value = make(random)
        if random.random() < UNUSUAL:
            value = _UNUSUAL.get(kind, _padded)(value)
        month, day = random.randrange(1, 10), random.randrange(1, 28)
        yield (
            f"acct-{number // 5:08d}",
            kind,
            value,
            f"2026-{month:02d}-{day:02d}T{random.randrange(24):02d}:00:00Z",
            f"2026-{month + 1:02d}-{day:02d}T{random.randrange(24):02d}:30:00Z",
            str(random.randrange(40, 100, 5)),
            random.choice(("green", "amber", "amber+strict")),
            random.choice(("bulk sign-up", "card testing", "model copying")),
        )


def _padded(value: str) -> str:
    return f" {value}\t"


def _email(random: Random) -> str:
    return f"user.{random.getrandbits(40):x}@{random.choice(_DOMAINS)}"


def _card(random: Random) -> str:
    body = f"424242{random.randrange(10**9):09d}"
    return f"{body}{luhn.calc_check_digit(body)}"


def _iban(random: Random) -> str:
    account = f"{random.randrange(10**18):018d}"
    return f"DE{mod_97_10.calc_check_digits(account + 'DE')}{account}"


def _ipv6(random: Random) -> str:
    return ":".join(f"{random.randrange(1, 1 << 16):x}" for _ in range(8))


_MAKERS: dict[str, Callable[[Random], str]] = {
    "email": _email,
    "card": _card,
    "device_id": lambda random: f"ios:{random.getrandbits(128):032x}",
    "ipv4": lambda random: ".".join(str(random.randrange(1, 255)) for _ in range(4)),
    "user_agent": lambda random: _AGENT.format(random.randrange(100, 140)),
    "iban": _iban,
    "phone": lambda random: f"+4917{random.randrange(10):d}{random.randrange(10**7):07d}",
    "domain": lambda random: f"login-{random.getrandbits(32):x}.{random.choice(_DOMAINS)}",
    "ipv6": _ipv6,
    "username": lambda random: f"github:octo-{random.getrandbits(40):x}",
}
_UNUSUAL: dict[str, Callable[[str], str]] = {
    "email": lambda given: f"ü{given}",
    "phone": lambda given: f"{given[:3]} (0) {given[3:]}",
    "domain": lambda given: f"straße.{given}",
    "ipv6": lambda given: f"2001:0db8::{given.partition(':')[0]}",
}
