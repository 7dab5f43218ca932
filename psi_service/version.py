"""This build's version, as the installed distribution names it."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The version of the distribution `psi-service`; `source` when it runs uninstalled from a source tree."""
    return version_of("psi-service")


def version_of(distribution: str) -> str:
    """The version of an installed distribution; `source` when it runs uninstalled from a source tree."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "source"
