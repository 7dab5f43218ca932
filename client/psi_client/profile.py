"""The profile file: how `psi` reaches a node's admin port. It holds a token: only its owner may read it."""

from __future__ import annotations

import ipaddress
import json
import os
import stat
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from psi_core.errors import InvalidConfiguration

PROFILE_FILE = "profile.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Profile(BaseModel):
    """Where the node is and the token that opens it. `repr` hides the token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="http on loopback, https elsewhere; without a path.")
    token: SecretStr
    ca: Path | None = Field(
        None, description="PEM file of the only root that the node's certificate may have."
    )

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        """A token never travels in the clear to another machine."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("is written http://127.0.0.1:PORT or https://HOST:PORT")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("is http and not loopback: the token would travel in the clear; use https")
        return url.rstrip("/")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a profile; `path` is the file or the folder that holds `profile.json`.

        `ca` comes back absolute. Raises InvalidConfiguration, also when others than the owner may read it.
        """
        path = path / PROFILE_FILE if path.is_dir() else path
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                data = file.read(64 * 1024)
        except OSError as error:
            raise InvalidConfiguration(
                f"the profile {path} cannot be read ({error.strerror}); name one with --profile: "
                "`psi-node init` writes it into the node's folder"
            ) from None
        if mode & _OTHERS:
            raise InvalidConfiguration(
                f"the profile {path} holds a token and others may use it (mode {mode:04o}): chmod 600 {path}"
            )
        try:
            profile = cls.model_validate_json(data)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise InvalidConfiguration(f"the profile {path} is not right: {'; '.join(faults)}") from None
        return profile if profile.ca is None else profile.model_copy(update={"ca": path.parent / profile.ca})

    def save(self, path: Path) -> None:
        """Write the profile with mode 0600, replacing an older one at once."""
        content = {"url": self.url, "token": self.token.get_secret_value()}
        if self.ca is not None:
            content["ca"] = str(self.ca)
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.flush()
            os.fsync(descriptor)
        new.replace(path)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or its address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
