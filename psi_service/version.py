"""This build's version, as the installed distribution names it."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The version of the distribution `psi-service`; `source` when it runs uninstalled from a source tree."""
    try:
        return metadata.version("psi-service")
    except metadata.PackageNotFoundError:
        return "source"
