"""Two labs' lists of suspicious actors, made up from a seed, with an overlap that is planted and known.

Some operators hold accounts at both labs; the two labs then hold some of the same values, each in its own
spelling. Beside them stand look-alikes that must not match: one VPN exit with two browsers, one device number
from two makers, one name at two throw-away domains. A few rows of each file are wrong on purpose.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from examples.demo.public_lists import throw_away_domains
from examples.demo.spellings import plain, typed
from examples.demo.values import Values

LAB_A, LAB_B = LABS = ("lab-a.example", "lab-b.example")
ACTORS = {LAB_A: 5_000, LAB_B: 5_200}
MATCH_KEYS = ("email_mailbox", "card", "iban", "device_id", "ip+user_agent")
SEED = 2026
LAST_DAY = datetime(2026, 10, 31, tzinfo=UTC)
COLUMNS = ("actor", "kind", "value", "first_seen", "last_seen", "confidence", "tlp", "label")

# What operators share between the labs, and how many operators share just that.
PLANTED: tuple[tuple[tuple[str, ...], int], ...] = (
    (("email_mailbox",), 60),
    (("card",), 55),
    (("email_mailbox", "card"), 70),
    (("email_mailbox", "card", "iban"), 40),
    (("iban",), 25),
    (("device_id",), 35),
    (("device_id", "ip+user_agent"), 35),
    (("ip+user_agent",), 60),
    (MATCH_KEYS, 12),
)
CREWS = 20  # operators with several accounts at one lab, all paid with one card that the other lab knows too
LOOK_ALIKES = 100  # pairs of each sort

# Rows that every import must refuse; each hangs on an actor that has good rows too.
WRONG_ROWS: Mapping[str, tuple[tuple[str, str], ...]] = {
    LAB_A: (
        ("email", "no-at-sign.example"),
        ("email", "two@at@signs.example"),
        ("card", "4242 4242 4242 4241"),
        ("iban", "DE00 0000 0000 1234 5678 90"),
        ("ipv4", "203.0.113.999"),
        ("ipv4", "010.1.2.3"),
        ("device_id", "0123456789abcdef"),
    ),
    LAB_B: (("card", "4000-0000-0000-0003"), ("iban", "GB33 TEST"), ("telex", "41 1234 demo g")),
}


@dataclass(frozen=True)
class Row:
    """One line of indicators.csv; the fields are its columns."""

    actor: str
    kind: str
    value: str
    first_seen: str
    last_seen: str
    confidence: int
    tlp: str
    label: str


@dataclass(frozen=True)
class World:
    """Both labs' rows, and for each lab which of its actors were planted: reference -> shared match keys."""

    rows: Mapping[str, Sequence[Row]]
    planted: Mapping[str, Mapping[str, frozenset[str]]]


@dataclass
class _Actor:
    values: list[tuple[str, str]] = field(default_factory=list)
    shares: set[str] = field(default_factory=set)

    def has(self, kind: str) -> bool:
        return any(kind == other or (kind == "ip" and other.startswith("ipv")) for other, _ in self.values)


def make_world(seed: int = SEED) -> World:
    """Both labs' rows; the same seed and the same versions of the two public packages give the same rows."""
    random = Random(seed)
    values = Values(random)
    actors: dict[str, list[_Actor]] = {lab: [] for lab in LABS}
    for match_keys, operators in PLANTED:
        for _ in range(operators):
            _plant(actors, values, match_keys)
    for lab in random.choices(LABS, k=CREWS):
        _plant_crew(actors, values, lab)
    for look_alike in _LOOK_ALIKES:
        for _ in range(LOOK_ALIKES):
            for lab, pairs in zip(LABS, look_alike(values), strict=True):
                actors[lab].append(_Actor(list(pairs)))
    for lab in LABS:
        actors[lab] += [_Actor() for _ in range(ACTORS[lab] - len(actors[lab]))]
        for actor in actors[lab]:
            _add_own(actor, values)
        random.shuffle(actors[lab])
    return _write_down(random, actors)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Writes one lab's file in the long form: a header and one row an indicator."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)


def _shared(values: Values, match_key: str) -> list[tuple[str, str]]:
    """New values that make up one match key."""
    make: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "email_mailbox": lambda: [("email", values.mailbox())],
        "card": lambda: [("card", values.card())],
        "iban": lambda: [("iban", values.iban())],
        "device_id": lambda: [("device_id", values.device())],
        "ip+user_agent": lambda: [values.address(), ("user_agent", values.agent())],
    }
    return make[match_key]()


def _plant(actors: dict[str, list[_Actor]], values: Values, match_keys: Sequence[str]) -> None:
    shared = [pair for match_key in match_keys for pair in _shared(values, match_key)]
    for lab in LABS:
        actors[lab].append(_Actor(list(shared), set(match_keys)))


def _plant_crew(actors: dict[str, list[_Actor]], values: Values, lab: str) -> None:
    _plant(actors, values, ("card",))
    first = actors[lab][-1]
    for _ in range(values.random.choice((1, 1, 2, 4))):
        actors[lab].append(_Actor(list(first.values), set(first.shares)))


def _one_exit_two_browsers(values: Values) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    address, agent = values.address(), values.agent()
    other = agent
    while other == agent:
        other = values.agent()
    return [address, ("user_agent", agent)], [address, ("user_agent", other)]


def _one_device_two_makers(values: Values) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    number = values.device().partition(":")[2]
    return [("device_id", f"ios:{number}")], [("device_id", f"android:{number}")]


def _one_name_two_domains(values: Values) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    name = values.mailbox().partition("@")[0]
    first, second = values.random.sample(throw_away_domains(), k=2)
    return [("email", f"{name}@{first}")], [("email", f"{name}@{second}")]


_LOOK_ALIKES = (_one_exit_two_browsers, _one_device_two_makers, _one_name_two_domains)


def _add_own(actor: _Actor, values: Values) -> None:
    """What only this lab knows. No browser is added beside another: it could complete a look-alike."""
    random = values.random
    if not actor.has("email") or random.random() < 0.15:
        actor.values.append(("email", values.email()))
    if random.random() < (0.1 if actor.has("card") else 0.72):
        actor.values.append(("card", values.card()))
    if not actor.has("iban") and random.random() < 0.33:
        actor.values.append(("iban", values.iban()))
    if not actor.has("device_id") and random.random() < 0.6:
        actor.values.append(("device_id", values.device()))
    if not actor.has("ip") and random.random() < 0.6:
        actor.values += [values.address() for _ in range(random.choice((1, 1, 1, 2, 3)))]
        agents = {values.agent() for _ in range(random.choice((1, 1, 2)))}
        actor.values += [("user_agent", agent) for agent in sorted(agents)]


def _write_down(random: Random, actors: Mapping[str, Sequence[_Actor]]) -> World:
    rows: dict[str, list[Row]] = {}
    planted: dict[str, dict[str, frozenset[str]]] = {}
    for lab, reference, spell in ((LAB_A, "acct-{:05d}", plain), (LAB_B, "customer/{:06d}", typed)):
        named = {reference.format(number): actor for number, actor in enumerate(actors[lab], start=1)}
        planted[lab] = {name: frozenset(actor.shares) for name, actor in named.items() if actor.shares}
        rows[lab] = [
            _row(random, name, *spell(random, kind, value))
            for name, actor in named.items()
            for kind, value in actor.values
        ]
        names = list(named)
        for kind, value in WRONG_ROWS[lab]:
            place = random.randrange(len(rows[lab]))
            rows[lab].insert(place, _row(random, random.choice(names), kind, value))
    return World(rows, planted)


def _row(random: Random, actor: str, kind: str, value: str) -> Row:
    last = LAST_DAY - timedelta(days=random.randrange(240))
    first = last - timedelta(days=random.randrange(90))
    return Row(
        actor=actor,
        kind=kind,
        value=value,
        first_seen=f"{first:%Y-%m-%dT%H:%M:%SZ}",
        last_seen=f"{last:%Y-%m-%dT%H:%M:%SZ}",
        confidence=random.randrange(40, 100, 5),
        tlp=random.choice(("green", "amber", "amber", "amber+strict")),
        label=random.choice(("bulk sign-up", "card testing", "model copying", "shared proxy")),
    )
