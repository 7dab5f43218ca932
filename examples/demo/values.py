"""Made-up values: mail addresses, cards, bank accounts, devices, network addresses, browsers.

Everything comes from one seeded generator. Domains and networks are real (see public_lists); persons and
payments are not: cards start with numbers that payment providers keep for tests, and the banks do not exist.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from random import Random

from stdnum import luhn

from examples.demo.public_lists import throw_away_domains, vpn_networks

# They deliver name+tag to name.
MAILBOX_PROVIDERS = ("gmail.com", "outlook.com", "icloud.com", "proton.me", "fastmail.com")
OTHER_PROVIDERS = ("gmx.net", "web.de", "mail.com", "zoho.com", "aol.com")
TEST_CARDS = ("400000", "424242", "510510", "555555", "222300")
# Country: a bank's code, and how many digits an account has there.
BANKS = {"AT": ("00000", 11), "DE": ("00000000", 10), "GB": ("TEST000000", 8), "NL": ("TEST", 10)}
DEVICE_MAKERS = ("ios", "android", "fingerprinter.example")
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/{}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "python-requests/2.32.{}",
    "okhttp/4.12.{}",
    "curl/8.11.{}",
)
SYLLABLES = ("ka", "ro", "mi", "ten", "lo", "vas", "ne", "dri", "sa", "ju", "bel", "qui", "zen", "tu")


class Values:
    """Draws values; no value, and no two spellings of one, is ever drawn twice."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._drawn: set[str] = set()

    def _new(self, make: Callable[[], str]) -> str:
        while (value := make()) in self._drawn:
            pass
        self._drawn.add(value)
        return value

    def _name(self, syllables: int) -> str:
        return "".join(self.random.choices(SYLLABLES, k=syllables)) + str(self.random.randrange(1000))

    def email(self) -> str:
        """A lower-case address without a tag, a third of them at throw-away domains."""

        def make() -> str:
            local = self._name(3)
            kind = self.random.random()
            if kind < 0.35:
                domain = self.random.choice(throw_away_domains())
            else:
                domain = self.random.choice(MAILBOX_PROVIDERS if kind < 0.8 else OTHER_PROVIDERS)
            return f"{local}@{domain}"

        return self._new(make)

    def mailbox(self) -> str:
        """A lower-case address at a provider that delivers `name+tag` to `name`."""
        local = self._new(lambda: self._name(4))
        return f"{local}@{self.random.choice(MAILBOX_PROVIDERS)}"

    def card(self) -> str:
        """16 digits, Luhn valid, never issued."""

        def make() -> str:
            body = self.random.choice(TEST_CARDS) + "".join(self.random.choices("0123456789", k=9))
            return body + luhn.calc_check_digit(body)

        return self._new(make)

    def iban(self) -> str:
        """A bank account with valid check digits (ISO 7064 mod 97-10) at a bank that does not exist."""

        def make() -> str:
            country = self.random.choice(sorted(BANKS))
            bank, digits = BANKS[country]
            account = bank + "".join(self.random.choices("0123456789", k=digits))
            as_number = "".join(str(int(sign, 36)) for sign in account + country + "00")
            return f"{country}{98 - int(as_number) % 97:02d}{account}"

        return self._new(make)

    def device(self) -> str:
        """`maker:identifier`, 128 bits."""
        return self._new(lambda: f"{self.random.choice(DEVICE_MAKERS)}:{self.random.getrandbits(128):032x}")

    def address(self) -> tuple[str, str]:
        """Kind and value: an exit of a VPN provider, one in seven IPv6."""
        version = 6 if self.random.random() < 1 / 7 else 4

        def make() -> str:
            network = self.random.choice(vpn_networks(version))
            return str(network[self.random.randrange(network.num_addresses)])

        return f"ipv{version}", self._new(make)

    def agent(self) -> str:
        """A browser or a script; many actors have the same, which is why it is never matched on alone."""
        return self.random.choice(AGENTS).format(self.random.randrange(118, 146))


def exploded(address: str) -> str:
    """The long spelling of an IPv6 address."""
    return ipaddress.IPv6Address(address).exploded
