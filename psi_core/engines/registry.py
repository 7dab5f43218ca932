"""The engines by the name that agreements list them under: all that are known, and those that this build can run.

A second variant of an engine stands beside the first one as `name/variant` (`choice.engine_of` finds it).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from psi_core import native_core
from psi_core.engines.interface import Engine
from psi_core.engines.openmined.engine import OpenMined
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.vole.engine import Vole

_OPENMINED: Engine = OpenMined()
_OPRF: Engine = Oprf()
_VOLE: Engine = Vole()
_VOLE_SEMI_HONEST: Engine = Vole(semi_honest=True)
_KNOWN: Mapping[str, Engine] = MappingProxyType(
    {each.name: each for each in (_OPENMINED, _OPRF, _VOLE)} | {"vole/semi-honest": _VOLE_SEMI_HONEST}
)
_WITHOUT_NATIVE: Mapping[str, Engine] = MappingProxyType({_OPENMINED.name: _OPENMINED})


def known_engines() -> Mapping[str, Engine]:
    """Return every engine by its name: parameters and costs can be computed anywhere, by an auditor too."""
    return _KNOWN


def engines() -> Mapping[str, Engine]:
    """Return the engines that this build can run, by name; `oprf` and `vole` need the native core."""
    return _KNOWN if native_core.available() else _WITHOUT_NATIVE
