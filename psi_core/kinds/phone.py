"""Phone numbers: E.164 with a plus.

A number must be possible (of a length that its country uses), not known to be in use: which ranges are in use
changes with every release of the library, and labs on different releases must still agree.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from psi_core.errors import InvalidIndicator

MAX_DIGITS = 15  # ITU-T E.164 section 6.2.1

_INTERNATIONAL_ZEROS = re.compile(r"^\(?\s*00\s*\)?")
_TRUNK_ZERO = re.compile(r"[(\[]\s*0\s*[)\]]")

_WORDS = {
    NumberParseException.INVALID_COUNTRY_CODE: (
        "a national number, or an unknown country code: write it with +, or give the region (two letters)"
    ),
    NumberParseException.NOT_A_NUMBER: "not a phone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too short",
    NumberParseException.TOO_SHORT_NSN: "too short",
    NumberParseException.TOO_LONG: "too long",
}


def canonical_phone(value: str, region: str | None = None) -> str:
    """`+` and at most 15 digits. `region`: two letters, for numbers without a country code.

    Raises InvalidIndicator, also for letters and extensions: they are not part of E.164.
    """
    number = value[4:] if value[:4].lower() == "tel:" else value
    if any(character.isalpha() for character in number):
        raise InvalidIndicator("phone", "holds letters: give the number alone, without name or extension")
    form = _e164(_INTERNATIONAL_ZEROS.sub("+", number.strip()), known_region(region))
    if form != value and _e164(form, None) != form:
        # What is left still looks as if it began with a trunk prefix: the two readings are two numbers.
        raise InvalidIndicator(
            "phone", "can be read as two numbers: write it with + and without trunk prefix"
        )
    return form


def known_region(region: str | None) -> str | None:
    """The region in upper case. Raises InvalidIndicator for one that the library does not know."""
    if region is None:
        return None
    if region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidIndicator("phone", "the default region is not a country's two letters, such as GB")
    return region.upper()


def _e164(text: str, region: str | None) -> str:
    number = _parsed(text, region)
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise InvalidIndicator("phone", "no number of its country has this length")
    form = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if len(form) - 1 > MAX_DIGITS:
        raise InvalidIndicator("phone", f"more than {MAX_DIGITS} digits")
    return form


def _parsed(text: str, region: str | None) -> PhoneNumber:
    """With the trunk zero of +44 (0)20 out; left in where only that is a number, as in Italy."""
    without = _TRUNK_ZERO.sub("", text, count=1) if text.startswith("+") else text
    number = _library_parsed(without, region)
    if without != text and not phonenumbers.is_valid_number(number):
        kept = _library_parsed(text, region)
        if phonenumbers.is_valid_number(kept):
            return kept
    return number


def _library_parsed(text: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise InvalidIndicator("phone", _WORDS.get(error.error_type, "not a phone number")) from None
