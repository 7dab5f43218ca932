"""`auto`: which engine runs a lane, out of those that the agreement lists and this node can run.

reveal count         openmined: it alone can show a number and no item
cached generation    oprf: only what changed is paid for
large set            vole, which is made for it; `LARGE` items and more
otherwise            oprf: verifiable, and later runs pay only for what changed
what is left         vole, then openmined
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psi_core.agreement.agreement import EngineTerms
from psi_core.engines.interface import Engine, Reveal
from psi_core.errors import InputError

AUTO = "auto"
LARGE = 1 << 16


@dataclass(frozen=True)
class Choice:
    """An engine, and in words why it was chosen."""

    engine: Engine
    why: str


def choose(
    wanted: str,
    *,
    reveal: Reveal,
    own_size: int,
    agreed: Iterable[EngineTerms],
    available: Mapping[str, Engine],
    cached: bool = False,
) -> Choice:
    """The engine of one lane: `wanted` by name, or the best one for `auto`.

    own_size is the lane's padded size on this side; cached: whether `oprf` can build on an earlier run.
    Raises InputError when the node cannot run what is wanted, or
    nothing of what is agreed.
    """
    usable = _usable(agreed, available)
    if wanted != AUTO:
        # What is not agreed is left to the policy to refuse, in its words.
        return Choice(usable.get(wanted) or _named(wanted, available), "asked for by name")
    for name, suits, why in _preferences(reveal, own_size, cached=cached):
        if suits and name in usable:
            return Choice(usable[name], why)
    raise InputError(
        f"no agreed engine can run here (for reveal {reveal}); this node has {', '.join(sorted(available))}. "
        "`psi-node doctor` says what is missing."
    )


def engine_of(engines: Mapping[str, Engine], name: str, variant: str) -> Engine | None:
    """The engine of this name in this variant; None when it is not among `engines`."""
    for engine in (engines.get(f"{name}/{variant}"), engines.get(name)):
        if engine is not None and engine.variant == variant:
            return engine
    return None


def _usable(agreed: Iterable[EngineTerms], available: Mapping[str, Engine]) -> dict[str, Engine]:
    """The agreed engines that can run here, by name; of two agreed variants the engine's first one."""
    found: dict[str, Engine] = {}
    for terms in agreed:
        engine = engine_of(available, terms.engine, terms.variant)
        if engine is not None and (terms.engine not in found or engine is available.get(terms.engine)):
            found[terms.engine] = engine
    return found


def _preferences(reveal: Reveal, own_size: int, *, cached: bool) -> list[tuple[str, bool, str]]:
    items = reveal == "items"
    return [
        ("oprf", items and cached, "an earlier run is cached, so that only what changed is paid for"),
        ("vole", items and own_size >= LARGE, f"a large set ({LARGE:,} items or more)"),
        ("oprf", items, "verifiable, and the set is small or changes little"),
        ("vole", items, "oprf is not among the agreed engines that can run here"),
        (
            "openmined",
            True,
            "a count is asked for" if not items else "the only agreed engine that can run here",
        ),
    ]


def _named(name: str, available: Mapping[str, Engine]) -> Engine:
    if name not in available:
        raise InputError(
            f"this node has no such engine; it has {', '.join(sorted(available))}, or auto chooses for each lane"
        )
    return available[name]
