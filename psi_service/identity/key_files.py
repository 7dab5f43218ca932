"""The node's private keys on disk: `keys/`, a folder and files that only the node's own user may use."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from psi_core.errors import Conflict, InvalidConfiguration
from psi_core.identity.node_keys import KEY_FILES, NodeKeys

_MAX_BYTES = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_keys(directory: Path, keys: NodeKeys) -> None:
    """Write every key file, fsynced, with mode 0600 into `directory`, made with 0700.

    Raises Conflict when the folder holds anything.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Conflict(
            f"{directory} holds keys already; a lost key cannot be made again, so none is replaced"
        )
    for name, content in keys.to_files().items():
        write_private(directory / name, content)


def read_keys(directory: Path, lab: str) -> NodeKeys:
    """Read the keys of `lab`.

    Raises InvalidConfiguration when one is missing, damaged, another lab's, or open to other users.
    """
    files: dict[str, bytes] = {}
    for name in KEY_FILES:
        path = directory / name
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                files[name] = file.read(_MAX_BYTES)
        except FileNotFoundError:
            continue  # NodeKeys names all that are missing
        except OSError as error:
            raise InvalidConfiguration(f"the key file {path} cannot be read ({error.strerror})") from None
        if mode & _OTHERS:
            raise InvalidConfiguration(
                f"others may use the key file {path} (mode {mode:04o}): chmod 600 {path}"
            )
    return NodeKeys.from_files(files, lab)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may use, and fsync it. Raises Conflict when it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Conflict(f"{path} exists already") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
