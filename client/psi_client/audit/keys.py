"""The auditor's own files. KEYS says whom it trusts, one verifier key a line (c2sp.org/signed-note), `#` for remarks.

They must come from the auditor's own hand: a key that lies beside the log which it signs proves nothing.
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
    try:
        lines = read_own(path, "keys file", outside=outside).decode().splitlines()
    except UnicodeDecodeError:
        raise InvalidConfiguration(f"the keys file {path} is not text in UTF-8") from None
    return _parse(path, lines)


def read_own(path: Path, what: str, *, outside: Sequence[Path]) -> bytes:
    """Return a file of the auditor's own, at most 64 KiB, that lies in none of the folders `outside`.

    Raises InvalidConfiguration, naming `what` it should have been.
    """
    real = path.resolve()
    if any(real.is_relative_to(folder.resolve()) for folder in outside):
        raise InvalidConfiguration(
            f"{path} lies inside an exported log: whoever made the log could have put anything there. "
            f"Take the {what} from your own hand: keys from the labs' cards, checked over another channel"
        )
    try:
        with real.open("rb") as file:
            data = file.read(MAX_KEYS_FILE + 1)
    except OSError as error:
        raise InvalidConfiguration(f"the {what} {path} cannot be read ({error.strerror})") from None
    if len(data) > MAX_KEYS_FILE:
        raise InvalidConfiguration(f"the {what} {path} is longer than {MAX_KEYS_FILE} bytes")
    return data


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
