"""What every test shares: a journal that ends with the test, and no deadline: a busy machine is no fault."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

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
