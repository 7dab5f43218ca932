"""Kinds that are text: user agents, namespaced names, prompt templates."""

from __future__ import annotations

import re
import unicodedata

from psi_core.errors import InvalidIndicator

MIN_TEMPLATE = 64
"""Shortest prompt template, in characters of its canonical form: a shorter one could be guessed."""

_NAMESPACE = re.compile(r"[a-z0-9_.-]{1,64}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTES = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"')
    | dict.fromkeys("\u2018\u2019\u201a\u201b", "'")
)
_DOUBLE_QUOTED = re.compile(r'"[^"]*"')
# A single quote opens after, and closes before, something that is no letter and no quote: an apostrophe does
# neither, and a masked slot never becomes an edge of another.
_SINGLE_QUOTED = re.compile(r"(?<![\w'])'[^']*'(?![\w'])")


def canonical_user_agent(value: str) -> str:
    """The header's value with white space trimmed and collapsed; case is kept."""
    return " ".join(value.split())


def canonical_namespaced(value: str) -> str:
    """`namespace:value` of a device_id, username or organisation.

    The namespace names the vendor or platform (`github:`, `openai.com:`): 1 to 64 of a-z 0-9 _ . - in lower
    case; the value is NFC and trimmed, its case kept. Raises InvalidIndicator.
    """
    before, colon, after = value.partition(":")
    namespace = before.strip().lower()
    if not colon or not _NAMESPACE.fullmatch(namespace):
        raise InvalidIndicator(
            "name", "needs a namespace (vendor or platform) in front, as in github:octocat"
        )
    name = unicodedata.normalize("NFC", after).strip()
    if not name:
        raise InvalidIndicator("name", "nothing after the namespace")
    return f"{namespace}:{name}"


def canonical_prompt_template(value: str) -> str:
    """NFKC, white space collapsed, each number as `0`, each quoted slot as an empty pair of quotes.

    So two fillings of one template are one value. Raises InvalidIndicator below 64 characters.
    """
    text = unicodedata.normalize("NFKC", value).translate(_QUOTES)
    text = _DOUBLE_QUOTED.sub('""', text)
    text = _SINGLE_QUOTED.sub("''", text)
    text = _NUMBER.sub("0", text)
    text = " ".join(text.split())
    if len(text) < MIN_TEMPLATE:
        raise InvalidIndicator(
            "prompt_template", f"shorter than {MIN_TEMPLATE} characters once slots are masked"
        )
    return text
