"""Wallet addresses: EVM chains and Bitcoin's main network."""

from __future__ import annotations

import re

import bech32m
from Crypto.Hash import keccak
from stdnum import bitcoin
from stdnum.exceptions import ValidationError

from psi_core.errors import InvalidIndicator

_HEX_ADDRESS = re.compile(r"(?:0[xX])?([0-9a-fA-F]{40})")
_SEGWIT_PART = "bc"  # human-readable part of the main network, BIP 173
_VERSIONS = (0x00, 0x05)  # P2PKH and P2SH of the main network
_SEGWIT = re.compile(r"bc1[0-9a-z]{8,87}", re.IGNORECASE | re.ASCII)  # at most 90 characters, BIP 173
_BASE58 = re.compile(r"[13][1-9A-HJ-NP-Za-km-z]{24,34}")


def canonical_evm_address(value: str) -> str:
    """`0x` and 40 hex digits. Upper and lower case mixed is a checksum (EIP-55) and must hold.

    Raises InvalidIndicator.
    """
    found = _HEX_ADDRESS.fullmatch(value)
    if found is None:
        raise InvalidIndicator("evm_address", "not 40 hex digits after 0x")
    digits = found[1]
    lower = digits.lower()
    if digits not in (lower, digits.upper()) and digits != _checksummed(lower):
        raise InvalidIndicator("evm_address", "the checksum in its capital letters (EIP-55) is wrong")
    return "0x" + lower


def _checksummed(lower: str) -> str:
    """EIP-55: a letter is a capital when its place in Keccak-256 of the lower-case digits holds 8 or more."""
    digest = keccak.new(digest_bits=256, data=lower.encode()).hexdigest()
    return "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(lower, digest, strict=False)
    )


def canonical_btc_address(value: str) -> str:
    """Base58Check (P2PKH, P2SH) as it is; segwit (bech32, and bech32m for Taproot) in lower case.

    Raises InvalidIndicator, also for addresses of test networks.
    """
    if _SEGWIT.fullmatch(value):
        return _segwit(value)
    if _BASE58.fullmatch(value):
        return _base58check(value)
    raise InvalidIndicator(
        "btc_address", "not an address of Bitcoin's main network (they begin with 1, 3 or bc1)"
    )


def _segwit(value: str) -> str:
    try:
        bech32m.decode(_SEGWIT_PART, value)
    except bech32m.DecodeError:
        raise InvalidIndicator(
            "btc_address", "its checksum (bech32, or bech32m for Taproot) is wrong"
        ) from None
    return value.lower()


def _base58check(value: str) -> str:
    try:
        address = bitcoin.validate(value)
    except ValidationError:
        raise InvalidIndicator("btc_address", "its checksum (Base58Check) is wrong") from None
    if bitcoin.b58decode(address)[0] not in _VERSIONS:
        raise InvalidIndicator("btc_address", "not an address of Bitcoin's main network")
    return address
