"""References: how they are written, sealed and found."""

from __future__ import annotations

import pytest

from psi_core.errors import InputError, StoreError
from psi_service.actors.reference import clean_reference, open_reference, seal_reference
from psi_service.sealing import lookup

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("text", "clean"),
    [(" acct-1\t", "acct-1"), ("Kunde Nr. 7", "Kunde Nr. 7"), ("顧客-7", "顧客-7"), ("x" * 256, "x" * 256)],
)
def test_taken(text: str, clean: str) -> None:
    assert clean_reference(text) == clean


@pytest.mark.parametrize(
    "text", ["", "  ", "x" * 257, "a\x00b", "a\nb", "a\u202eb", "a\u200bb", "a\u2028b", "a\ud800b"]
)
def test_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        clean_reference(text)
    assert not text.strip() or text not in str(caught.value)


def test_sealed_for_its_own_lookup_alone() -> None:
    found, sealed = seal_reference(KEY, "acct-1")
    other, _ = seal_reference(KEY, "acct-2")
    assert found == lookup(KEY, "acct-1")
    assert open_reference(KEY, found, sealed) == "acct-1"
    with pytest.raises(StoreError):
        open_reference(KEY, other, sealed)
