"""What this installation can run, and whether there is room for what it writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from psi_core import native_core
from psi_core.engines.registry import engines
from psi_service.doctor.finding import Finding, fault, ok, warning
from psi_service.settings import Settings
from psi_service.version import version, version_of

LEAST_FREE = 256 << 20
"""Bytes: below this an import may fill the disk, and nothing more is logged."""
COMFORTABLE_FREE = 2 << 30

_LIBRARY = "private_set_intersection"
_NATIVE = "psi-native"
_MIB = 1 << 20


def check_engines() -> Finding:
    """Every engine of this build, and that the library of `openmined` is installed."""
    names = ", ".join(sorted(engines()))
    if find_spec(_LIBRARY) is None:
        return fault(
            "engines",
            f"This build has {names}; the library of openmined is not installed.",
            "Install openmined-psi, on a platform that it is made for (Linux on x86-64).",
        )
    return ok("engines", f"This build has {names}.")


def check_native() -> Finding:
    """Whether the native core does the hot loops."""
    if native_core.available():
        own, theirs = version(), version_of(_NATIVE)
        if own != theirs:
            return fault(
                "native core",
                f"The native core is of version {theirs}, this node of {own}: sessions and imports may fail.",
                "Install psi-native of the same version (`make install` builds it), then start the node again.",
            )
        return ok("native core", "The native core is installed.")
    return warning(
        "native core",
        "The native core is not installed: imports are slower, and no native engine can run.",
        "Build it with `make install` where a Rust toolchain is, or install the wheel psi-native.",
    )


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Room where the store is, and where the head file is when that is another disk."""
    folders = {"store": settings.data_dir, "head file": _existing(settings.head_path.parent)}
    if folders["head file"].stat().st_dev == settings.data_dir.stat().st_dev:
        del folders["head file"]
    for what, folder in folders.items():
        free = shutil.disk_usage(folder).free
        words = f"{free // _MIB:,} MiB are free where the {what} is ({folder})."
        mend = "Free some space there, or move it to a larger disk."
        if free < LEAST_FREE:
            yield fault("disk", words, mend)
        elif free < COMFORTABLE_FREE and what == "store":
            yield warning("disk", words, mend)
        else:
            yield ok("disk", words)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
