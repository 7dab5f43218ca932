"""Wallet addresses, by the vectors of EIP-55, BIP 173 and BIP 350."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical

# EIP-55, "Test Cases"
EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]

# BIP 350, "Test vectors", main network
SEGWIT = [
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",  # Taproot
]

BASE58 = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",  # the genesis block's output, P2PKH
    "1111111111111111111114oLvT2",  # the hash of all zeros
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",  # P2SH, BIP 13's form
]

REFUSED = [
    ("evm_address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "EIP-55"),
    ("evm_address", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "40 hex digits"),
    ("evm_address", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedd", "40 hex digits"),
    ("evm_address", "vitalik.eth", "40 hex digits"),
    # BIP 350, invalid: bech32 where bech32m is due, and the other way round
    ("btc_address", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "checksum"),
    ("btc_address", "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", "checksum"),
    ("btc_address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "checksum"),
    ("btc_address", "bc1pw5dgrnzv", "checksum"),
    ("btc_address", "bc1gmk9yu", "main network"),
    ("btc_address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4", "checksum"),  # mixed case
    ("btc_address", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "main network"),
    ("btc_address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "Base58Check"),
    ("btc_address", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "main network"),
    # A space would take python-stdnum's cleaner to its bech32 reader.
    ("btc_address", "b c1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "main network"),
    ("btc_address", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "main network"),
    ("btc_address", "1" * 4000, "main network"),
]


@pytest.mark.parametrize("address", EIP_55)
def test_evm_address_in_every_case(address: str) -> None:
    form = "0x" + address[2:].lower()
    for spelling in (address, address.lower(), "0X" + address[2:].upper(), address[2:]):
        assert canonical("evm_address", spelling) == form


@pytest.mark.parametrize("address", EIP_55[4:])
def test_one_wrong_capital_is_refused(address: str) -> None:
    place = next(place for place, digit in enumerate(address) if place > 1 and digit.isalpha())
    with pytest.raises(InvalidIndicator, match="EIP-55"):
        canonical("evm_address", address[:place] + address[place].swapcase() + address[place + 1 :])


@pytest.mark.parametrize("address", SEGWIT)
def test_segwit_is_lower_case(address: str) -> None:
    assert canonical("btc_address", address.lower()) == address.lower()
    assert canonical("btc_address", address.upper()) == address.lower()


@pytest.mark.parametrize("address", BASE58)
def test_base58check_is_kept_as_it_is(address: str) -> None:
    assert canonical("btc_address", f" {address} ") == address


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED)
def test_refused(kind: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical(kind, value)
    assert refused.value.kind == kind


def test_base58_of_another_version_byte_is_refused() -> None:
    import hashlib

    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    payload = b"\x06" + bytes(20)  # version 6 also begins with 3
    number = int.from_bytes(payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4], "big")
    address = ""
    while number:
        number, digit = divmod(number, 58)
        address = alphabet[digit] + address
    assert address.startswith("3")
    with pytest.raises(InvalidIndicator, match="main network"):
        canonical("btc_address", address)
