"""What an operator may set: one commented file, `psi.toml` in the data folder, and PSI_* variables over it.

A key that is not known is refused and the nearest known one is named, so that a slip of the pen never
silently leaves a default in force. A variable counts as a slip when it resembles a setting; others with the
prefix are left alone, because container platforms put their own PSI_SERVICE_HOST and the like there.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from psi_core.errors import InvalidConfiguration
from psi_core.log.signed_text import LabName
from psi_service.address import Address

SETTINGS_FILE = "psi.toml"
ENV_PREFIX = "PSI_"
# Above this likeness an unknown PSI_* variable is taken for a misspelt setting.
_LIKE = 0.85
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- names it, binds nothing


class _Environment(EnvSettingsSource):
    """The PSI_* variables, save the data folder: it is where the file was found, and cannot be elsewhere."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name != "data_dir"}


class Settings(BaseSettings):
    """A node's settings. Build them with `load`; every relative path is relative to the data folder."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    lab: LabName = Field(
        description="This lab's name, written like a domain, as cards and agreements carry it."
    )
    data_dir: Path = Field(description="The folder of the store and the keys. It is the folder of this file.")
    peer_listen: str = Field(
        "0.0.0.0:7443", description="Where the node listens for peers (gRPC, mutual TLS)."
    )
    peer_address: str = Field("", description="What peers dial, as the card says. Empty: <lab>:<port>.")
    admin_listen: str = Field(
        "127.0.0.1:7480",
        description="Where commands reach the node (HTTP); an address that is not loopback needs TLS.",
    )
    admin_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Further names by which the admin port may be called (host or host:port).",
    )
    admin_certificate: Path | None = Field(None, description="PEM certificate chain of the admin port.")
    admin_key: Path | None = Field(None, description="PEM key of the admin port's certificate.")
    open_metrics: bool = Field(
        False, description="Answer /metrics on this machine's loopback without a token."
    )
    head_file: Path = Field(
        Path("head/head"),
        description="The second place that remembers the log's head. Best on another disk than the store.",
    )
    max_sessions: int = Field(4, ge=1, le=256, description="Sessions that may be open at the same time.")
    worker_processes: int = Field(
        0, ge=0, le=256, description="Child processes for engines and imports. 0: one per core."
    )
    session_timeout_seconds: int = Field(3600, ge=10, le=86_400, description="The longest session.")
    silence_timeout_seconds: int = Field(
        300, ge=5, le=3600, description="A session ends when the peer says nothing for this long."
    )
    stop_timeout_seconds: int = Field(10, ge=1, le=300, description="How long a stop may take.")
    witness_policy: Path | None = Field(
        None,
        description="A policy (c2sp.org/tlog-policy); its witnesses with a URL are asked to cosign the log too.",
    )
    checkpoint_seconds: int = Field(
        3600,
        ge=10,
        le=86_400,
        description="How often a checkpoint is signed and shown to every peer, to be cosigned.",
    )
    job_commands: bool = Field(
        True,
        description="Whether a job may run a command on this host when it finds something new (--on-new).",
    )
    retention_seconds: int = Field(
        3600, ge=60, le=86_400, description="How often expired indicators are purged."
    )
    journal: Literal["json", "console"] = Field(
        "json", description="How the journal is written to standard error: JSON lines, or lines for people."
    )
    max_bundle_mib: int = Field(
        16_384, ge=0, le=67_108_864, description="Most that is kept of oprf's answers for auditors, in MiB."
    )
    max_import_mib: int = Field(4096, ge=1, le=1_048_576, description="The largest import, in MiB.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win; what is handed to the constructor comes from the file."""
        return _Environment(settings_cls), init_settings

    @classmethod
    def load(cls, data_dir: Path) -> Self:
        """Read `psi.toml` in `data_dir` and the PSI_* variables over it. Raises InvalidConfiguration."""
        path = data_dir / SETTINGS_FILE
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InvalidConfiguration(
                f"there is no {path}: make a node with `psi-node init`, or name its folder with --data"
            ) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidConfiguration(f"{path} cannot be read: {error}") from None
        return cls.checked(data_dir, values, source=str(path))

    @classmethod
    def checked(cls, data_dir: Path, values: Mapping[str, Any], *, source: str = "settings") -> Self:
        """Settings from `values`, PSI_* variables over them. Raises InvalidConfiguration, naming `source`."""
        known = [name for name in cls.model_fields if name != "data_dir"]
        _refuse_unknown(values, known, source)
        _refuse_misspelt_variables(os.environ, known)
        try:
            return cls(**{**values, "data_dir": data_dir.absolute()})
        except ValidationError as error:
            raise InvalidConfiguration(_words(error, source)) from None

    @field_validator("admin_hosts", mode="before")
    @classmethod
    def _hosts(cls, hosts: object) -> object:
        """A variable lists them with commas between."""
        if isinstance(hosts, str):
            return [name.strip() for name in hosts.split(",") if name.strip()]
        return hosts

    @field_validator("admin_certificate", "admin_key", "witness_policy", mode="before")
    @classmethod
    def _unset(cls, path: object) -> object:
        """TOML has no null; the empty string says `none`."""
        return None if path == "" else path

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        for name in ("peer_listen", "admin_listen"):
            self._parse(name)
        if self.peer_address and self._parse("peer_address").port == 0:
            raise ValueError("peer_address needs the port that peers dial")
        if (self.admin_certificate is None) != (self.admin_key is None):
            raise ValueError("admin_certificate and admin_key are set together or not at all")
        if not self.admin_address.is_loopback and self.admin_certificate is None:
            raise ValueError(
                "admin_listen is not a loopback address: "
                "set admin_certificate and admin_key, or listen on 127.0.0.1"
            )
        return self

    def _parse(self, name: str) -> Address:
        try:
            return Address.parse(getattr(self, name))
        except InvalidConfiguration as error:
            raise ValueError(f"{name}: {error.message}") from None

    @property
    def peer_listen_address(self) -> Address:
        """Where the gRPC server listens."""
        return Address.parse(self.peer_listen)

    @property
    def admin_address(self) -> Address:
        """Where the HTTP server listens."""
        return Address.parse(self.admin_listen)

    @property
    def advertised(self) -> str:
        """`host:port` as the card carries it."""
        return self.peer_address or str(Address(self.lab, self.peer_listen_address.port))

    @property
    def admin_url(self) -> str:
        """Where commands on this machine reach the admin port; `all addresses` is reached by loopback."""
        host, port = self.admin_address
        host = _LOOPBACK_OF.get(host, host)
        return f"{'http' if self.admin_certificate is None else 'https'}://{Address(host, port)}"

    @property
    def head_path(self) -> Path:
        """The second head file, absolute."""
        return self.data_dir / self.head_file

    @property
    def witness_policy_path(self) -> Path | None:
        """The witness policy, absolute; None without one."""
        return self.witness_policy and self.data_dir / self.witness_policy

    @property
    def keys_dir(self) -> Path:
        """The folder of the node's keys, absolute."""
        return self.data_dir / "keys"

    @property
    def workers(self) -> int:
        """How many child processes; at least 1."""
        return self.worker_processes or os.cpu_count() or 1


def settings_file(values: Mapping[str, Any]) -> str:
    """The text of a commented `psi.toml` that sets `values`; every other setting stands commented out.

    Raises InvalidConfiguration when a name in `values` is no setting.
    """
    fields = {name: field for name, field in Settings.model_fields.items() if name != "data_dir"}
    _refuse_unknown(values, fields, SETTINGS_FILE)
    parts = [
        "# Settings of a psi node. A variable such as PSI_MAX_SESSIONS overrides the setting of its name.\n"
    ]
    for name, field in fields.items():
        comment, default = f"# {field.description}\n", field.get_default()
        if name in values:
            parts.append(f"{comment}{name} = {_toml(values[name])}\n")
        else:
            parts.append(f"{comment}# {name} = {_toml(default)}\n")
    return "\n".join(parts)


def _toml(value: object) -> str:
    """A TOML value: JSON's strings, integers and lists are TOML's too; an unset path is the empty string."""
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value))
    return json.dumps(value) if isinstance(value, int) else json.dumps("" if value is None else str(value))


def _refuse_unknown(names: Iterable[str], known: Iterable[str], source: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise InvalidConfiguration(f"{source}: there is no setting {name!r}{_nearest(name, known)}")


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def _refuse_misspelt_variables(variables: Iterable[str], known: list[str]) -> None:
    names = [f"{ENV_PREFIX}{name.upper()}" for name in known]
    for variable in variables:
        if not variable.startswith(ENV_PREFIX) or variable in names:
            continue
        if near := difflib.get_close_matches(variable, names, n=1, cutoff=_LIKE):
            raise InvalidConfiguration(f"the variable {variable} sets nothing; did you mean {near[0]}?")


def _words(error: ValidationError, source: str) -> str:
    """Field and reason of every fault, without the values."""
    faults = []
    for fault in error.errors(include_input=False, include_url=False):
        field = ".".join(str(part) for part in fault["loc"])
        reason = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{field}: {reason}" if field else reason)
    return f"{source}: " + "; ".join(faults)
