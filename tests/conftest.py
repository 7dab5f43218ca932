"""What every test shares: a journal that ends with the test, and no deadline: a busy machine is no fault."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from psi_core import native_core

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _own_journal() -> Iterator[None]:
    """Commands of psi-node open a journal at the standard error of the moment, for the whole process.

    Nothing of that outlives a test: a later one that reads the journal would find it silent.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(params=["python", "native"])
def each_core(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs twice: with the readable Python reference, and with the native core where it is built."""
    if request.param == "python":
        monkeypatch.setattr(native_core, "native", None)
    elif not native_core.available():
        pytest.skip("the native core is not built")
