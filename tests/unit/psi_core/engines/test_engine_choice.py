"""What `auto` chooses, from what is agreed and what can run."""

from types import SimpleNamespace

import pytest

from psi_core.agreement.agreement import EngineTerms
from psi_core.engines.choice import LARGE, choose, engine_of
from psi_core.errors import InputError

ALL = {
    name: SimpleNamespace(name=name, variant=variant)
    for name, variant in (("openmined", "semi-honest"), ("oprf", "verifiable"), ("vole", "malicious"))
}
AGREED = [EngineTerms(engine=each.name, variant=each.variant) for each in ALL.values()]


def chosen(wanted="auto", *, reveal="items", own_size=1000, agreed=AGREED, available=ALL, cached=False):
    choice = choose(
        wanted, reveal=reveal, own_size=own_size, agreed=agreed, available=available, cached=cached
    )
    return choice.engine.name


def without(*names):
    return {name: engine for name, engine in ALL.items() if name not in names}


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ({}, "oprf"),
        ({"own_size": LARGE - 1}, "oprf"),
        ({"own_size": LARGE}, "vole"),
        ({"own_size": LARGE, "available": without("vole")}, "oprf"),
        ({"own_size": LARGE, "cached": True}, "oprf"),
        ({"own_size": LARGE, "cached": True, "available": without("oprf")}, "vole"),
        ({"reveal": "count", "cached": True}, "openmined"),
        ({"available": without("oprf")}, "vole"),
        ({"available": without("oprf", "vole")}, "openmined"),
        ({"agreed": AGREED[:1]}, "openmined"),
        ({"reveal": "count"}, "openmined"),
        ({"reveal": "count", "own_size": LARGE}, "openmined"),
        ({"wanted": "vole"}, "vole"),
    ],
)
def test_the_engine_that_is_chosen(case, name):
    assert chosen(**case) == name


SEMI_HONEST = EngineTerms(engine="vole", variant="semi-honest")
BOTH = ALL | {"vole/semi-honest": SimpleNamespace(name="vole", variant="semi-honest")}


@pytest.mark.parametrize("wanted", ["vole", "auto"])
@pytest.mark.parametrize(
    ("agreed", "variant"),
    [
        ([SEMI_HONEST], "semi-honest"),
        ([SEMI_HONEST, AGREED[2]], "malicious"),
        ([AGREED[2], SEMI_HONEST], "malicious"),
    ],
)
def test_the_safer_of_two_agreed_variants_is_chosen(wanted, agreed, variant):
    choice = choose(wanted, reveal="items", own_size=LARGE, agreed=agreed, available=BOTH)
    assert choice.engine.variant == variant


def test_an_engine_is_found_in_its_variant_alone():
    assert engine_of(BOTH, "vole", "semi-honest").variant == "semi-honest"
    assert engine_of(BOTH, "vole", "malicious").variant == "malicious"
    assert engine_of(BOTH, "vole", "other") is engine_of(ALL, "vole", "semi-honest") is None


@pytest.mark.parametrize(
    "case",
    [
        {"agreed": AGREED[1:], "reveal": "count"},
        {"available": without("openmined", "oprf", "vole")},
        {"agreed": [EngineTerms(engine="vole", variant="semi-honest")]},
        {"wanted": "spdz"},
    ],
)
def test_nothing_that_could_run_is_said_in_words(case):
    with pytest.raises(InputError, match="this node has"):
        chosen(**case)
