"""Two labs whose logs are written to folders, honestly; the tests then plant lies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from psi_core.session.closing import Record
from tests.logged_labs import Lab, make_record, settle


@pytest.fixture
def lab_a() -> Lab:
    return Lab("lab-a.example", 1)


@pytest.fixture
def lab_b() -> Lab:
    return Lab("lab-b.example", 11)


@pytest.fixture
def new_record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def settled() -> Callable[[Lab, Lab, Record], None]:
    return settle
