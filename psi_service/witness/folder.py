"""A witness's folder, made once.

<dir>/cosigner   32 secret bytes, for its own user alone
<dir>/name       the key's name, by which policies and cosignatures know it
<dir>/logs       whom it watches: a verifier key of a log a line, `#` for remarks
<dir>/node.db    what it has cosigned
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from psi_client.audit import read_keys
from psi_core.errors import InvalidConfiguration
from psi_core.log.key import COSIGNATURE, Signer, Verifier
from psi_service.identity.key_files import write_private

KEY_FILE, NAME_FILE, LOGS_FILE = "cosigner", "name", "logs"
_REMARK = "# One verifier key of a log a line: the first that `psi audit keys` prints for a card.\n"


@dataclass(frozen=True)
class WitnessFolder:
    """What a folder holds: the cosigner and the log keys that it watches, by origin."""

    cosigner: Signer
    logs: dict[str, tuple[Verifier, ...]]


def make(directory: Path, name: str) -> Signer:
    """Make a witness named `name`. Raises Conflict when there is one, InvalidText for a name that is no key name."""
    seed = secrets.token_bytes(32)
    cosigner = Signer.from_seed(name, seed, COSIGNATURE)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(directory / KEY_FILE, seed)
    write_private(directory / NAME_FILE, f"{name}\n".encode())
    write_private(directory / LOGS_FILE, _REMARK.encode())
    return cosigner


def read(directory: Path) -> WitnessFolder:
    """Read a folder. Raises InvalidConfiguration when there is no witness in it, or it watches no log."""
    try:
        seed = (directory / KEY_FILE).read_bytes()[:64]
        name = (directory / NAME_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InvalidConfiguration(
            f"there is no witness in {directory}: make one with `psi-node witness init`"
        ) from None
    logs: dict[str, tuple[Verifier, ...]] = {}
    for key in read_keys(directory / LOGS_FILE, outside=[]):
        logs[key.name] = (*logs.get(key.name, ()), key)
    return WitnessFolder(Signer.from_seed(name, seed, COSIGNATURE), logs)
