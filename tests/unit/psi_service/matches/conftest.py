"""An office without matches, and a busy one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.match_office import LAB_B, LAB_C, MatchOffice


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[MatchOffice]:
    """An office without actors."""
    opened = MatchOffice(tmp_path)
    await opened.log.verify_at_start()
    yield opened
    await opened.store.close()


@pytest.fixture
async def busy(office: MatchOffice) -> MatchOffice:
    """Three actors; one session with lab B over three match keys, one with lab C."""
    office.suspects("acct-1", {"email": ["john@gmail.com"]}, seen=("2026-02-03", "2026-05-01"), tlp="green")
    office.suspects(
        "acct-1", {"card": ["4111111111111111"]}, seen=("2026-03-01", "2026-10-30"), tlp="amber+strict"
    )
    office.suspects("acct-1", {"email": ["other@example.com"]}, seen=("2020-01-01", "2026-11-11"), tlp="red")
    office.suspects(
        "acct-2",
        {"ipv4": ["192.0.2.1", "192.0.2.2"], "user_agent": ["curl"]},
        seen=("2026-06-11", "2026-06-12"),
        tlp="clear",
    )
    office.suspects("acct-3", {"email": ["john@gmail.com"]})
    office.session(
        "s1",
        LAB_B,
        {
            "email": [("acct-1", {"email": "john@gmail.com"}), ("acct-3", {"email": "john@gmail.com"})],
            "card": [("acct-1", {"card": "4111111111111111"})],
            "ip+user_agent": [("acct-2", {"ipv4": "192.0.2.2", "user_agent": "curl"})],
            "device_id": [],
        },
    )
    office.session("s2", LAB_C, {"email_mailbox": [("acct-1", {"email_mailbox": "john@gmail.com"})]})
    return office
