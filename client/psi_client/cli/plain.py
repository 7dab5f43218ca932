"""Text that others chose (peers, files, folders), made harmless for a terminal before it is shown."""

from __future__ import annotations

import unicodedata

# Controls, invisible and bidirectional marks, halves of characters, private use, line and paragraph separators:
# they could move the cursor, recolour the screen or show a name as another one.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
MAX_CHARACTERS = 600
"""What is longer is cut: a peer's words are at most this long."""


def plain(text: object, limit: int = MAX_CHARACTERS) -> str:
    """`text` on one line, every unseen character written as `\\xNN` or `\\uNNNN`, cut to `limit` characters.

    Square brackets stay as they are: what is printed goes through `rich.text.Text`, which reads no markup.
    """
    whole = str(text)
    shown = "".join(_shown(character) for character in whole[:limit])
    return shown if len(whole) <= limit else f"{shown}…"


def plain_lines(text: str) -> str:
    """A text of several lines, each made plain."""
    return "\n".join(plain(line) for line in text.rstrip("\n").split("\n"))


def _shown(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else f"\\x{ord(character):02x}"
    if unicodedata.category(character) not in _UNSEEN:
        return character
    number = ord(character)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )
