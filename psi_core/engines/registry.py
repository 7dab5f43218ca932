"""The engines that this build can run, by the name that agreements list them under."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from psi_core.engines.interface import Engine
from psi_core.engines.openmined.engine import OpenMined

_OPENMINED: Engine = OpenMined()
_ENGINES: Mapping[str, Engine] = MappingProxyType({_OPENMINED.name: _OPENMINED})


def engines() -> Mapping[str, Engine]:
    """Return every engine by its name; the mapping cannot be changed."""
    return _ENGINES
