"""The KEYS file: whom the auditor trusts, one verifier key a line (c2sp.org/signed-note), `#` for remarks.

It must come from the auditor's own hand: a key that lies beside the log which it signs proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psi_core.errors import InvalidConfiguration, InvalidText
from psi_core.log.key import Verifier

MAX_KEYS_FILE = 64 * 1024


def read_keys(path: Path, *, outside: Sequence[Path]) -> tuple[Verifier, ...]:
    """Return the verifiers of a KEYS file of at most 64 KiB that lies in none of the folders `outside`.

    Raises InvalidConfiguration.
    """
    real = path.resolve()
    if any(real.is_relative_to(folder.resolve()) for folder in outside):
        raise InvalidConfiguration(
            f"{path} lies inside an exported log: whoever made the log could have put any key there. "
            "Take the keys from the labs' cards, checked over another channel, into a file of your own"
        )
    try:
        with real.open("rb") as file:
            data = file.read(MAX_KEYS_FILE + 1)
        lines = data.decode().splitlines()
    except OSError as error:
        raise InvalidConfiguration(f"the keys file {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InvalidConfiguration(f"the keys file {path} is not text in UTF-8") from None
    if len(data) > MAX_KEYS_FILE:
        raise InvalidConfiguration(f"the keys file {path} is longer than {MAX_KEYS_FILE} bytes")
    return _parse(path, lines)


def _parse(path: Path, lines: Sequence[str]) -> tuple[Verifier, ...]:
    found: list[Verifier] = []
    for number, line in enumerate(lines, start=1):
        vkey = line.strip()
        if not vkey or vkey.startswith("#"):
            continue
        try:
            found.append(Verifier.parse(vkey))
        except InvalidText as error:
            raise InvalidConfiguration(f"the keys file {path}, line {number}: {error}") from None
    if not found:
        raise InvalidConfiguration(f"the keys file {path} holds no key: write one verifier key a line")
    return tuple(dict.fromkeys(found))
