"""Matches for other tools, and the lab's own values that matched."""

from __future__ import annotations

import csv
import io

import pytest

from psi_core.errors import NodeRefusing, NotFound
from psi_core.kinds import STRENGTH_RULES
from psi_core.kinds.labels import FIELDS
from psi_core.log.entry import EntryKind
from psi_service.matches.export import COLUMNS
from psi_service.matches.service import MatchService
from psi_service.matches.views import OwnValue
from tests.match_office import DATA_KEY, LAB_B, LAB_C, MatchOffice


def own(actor: str, kind: str, value: str) -> OwnValue:
    return OwnValue(actor=actor, kind=kind, value=value)


async def test_rows_for_a_csv_file(busy: MatchOffice) -> None:
    rows = await busy.matches.export("ana", peer=LAB_B)
    assert rows[0] == {
        "actor": "acct-1",
        "peer": LAB_B,
        "matched": "card; email",
        "of": "2",
        "strength": "strong",
        "why": STRENGTH_RULES[1].words,
        "first_seen": "2026-02-03",
        "last_seen": "2026-10-30",
        "tlp": "amber+strict",
        "status": "to review",
        "new": "yes",
        **{f"peer_{name}": "" for name in FIELDS},
    }
    assert (rows[1]["actor"], rows[1]["tlp"]) == ("acct-3", "")
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    assert list(csv.DictReader(io.StringIO(text.getvalue()))) == list(rows)


async def test_the_log_says_who_took_an_export_and_not_how_much(busy: MatchOffice) -> None:
    await busy.matches.export("ana", peer=LAB_B)
    await busy.matches.values("bob", [own("acct-1", "email", "john@gmail.com")])
    assert [(entry.kind, entry.peer, entry.body) for entry in busy.logged()] == [
        (
            EntryKind.ADMIN,
            None,
            {"action": "matches-exported", "by": "ana", "what": "rows", "of": LAB_B},
        ),
        (
            EntryKind.ADMIN,
            None,
            {"action": "matches-exported", "by": "bob", "what": "values", "of": "all peers"},
        ),
    ]


async def test_a_node_that_refuses_gives_no_export(busy: MatchOffice) -> None:
    busy.log.refusal = "behind its head file"
    with pytest.raises(NodeRefusing):
        await busy.matches.export("ana")
    with pytest.raises(NodeRefusing):
        await busy.matches.values("ana", [])
    assert len(await busy.matches.list()) == 4


async def test_own_values_that_matched_come_back_as_they_were_written(busy: MatchOffice) -> None:
    answer = await busy.matches.values(
        "ana",
        [
            own(" acct-1 ", "email", " John@GMAIL.com"),
            own("acct-1", "email", "other@example.com"),  # his, not matched
            own("acct-1", "card", "4111 1111 1111 1111"),
            own("acct-2", "ip", "::ffff:192.0.2.2"),
            own("acct-2", "ip", "192.0.2.1"),
            own("acct-2", "user_agent", "curl"),
            own("acct-3", "card", "4111 1111 1111 1111"),  # matched, but for another actor
            own("acct-77", "email", "john@gmail.com"),  # no actor of ours
        ],
        peer=LAB_B,
    )
    assert [(value.actor, value.value, value.peer, value.match_keys) for value in answer.values] == [
        (" acct-1 ", " John@GMAIL.com", LAB_B, ("email",)),
        ("acct-1", "4111 1111 1111 1111", LAB_B, ("card",)),
        ("acct-2", "::ffff:192.0.2.2", LAB_B, ("ip+user_agent",)),
        ("acct-2", "curl", LAB_B, ("ip+user_agent",)),
    ]
    assert answer.unread == 0


async def test_an_email_answers_for_its_mailbox_and_each_peer_apart(busy: MatchOffice) -> None:
    answer = await busy.matches.values("ana", [own("acct-1", "email", "john@gmail.com")])
    assert [(value.peer, value.match_keys) for value in answer.values] == [
        (LAB_B, ("email",)),
        (LAB_C, ("email_mailbox",)),
    ]


async def test_rows_that_cannot_be_read_are_counted(busy: MatchOffice) -> None:
    answer = await busy.matches.values(
        "ana",
        [
            own("acct-1", "email", "john"),
            own("acct-1", "e-mail", "john@gmail.com"),
            own("acct-1", "phone", "030 12345678"),
            own("", "email", "john@gmail.com"),
            own("acct-77", "email", "john"),  # no actor with a match: not looked at
        ],
    )
    assert (answer.values, answer.unread) == ((), 4)


async def test_national_numbers_are_read_by_the_region(office: MatchOffice) -> None:
    office.suspects("acct-1", {"phone": ["+493012345678"]})
    office.session("s1", LAB_B, {"phone": [("acct-1", {"phone": "+493012345678"})]})
    answer = await office.matches.values("ana", [own("acct-1", "phone", "030 12345678")], region="DE")
    assert [value.match_keys for value in answer.values] == [("phone",)]


async def test_false_positives_are_left_out_unless_asked_for(busy: MatchOffice) -> None:
    await busy.matches.mark("acct-1", LAB_B, "false positive", "email")
    asked = [own("acct-1", "email", "john@gmail.com"), own("acct-1", "card", "4111111111111111")]
    answer = await busy.matches.values("ana", asked, peer=LAB_B)
    assert [value.match_keys for value in answer.values] == [("card",)]
    answer = await busy.matches.values("ana", asked, peer=LAB_B, include_false_positives=True)
    assert [value.match_keys for value in answer.values] == [("email",), ("card",)]


async def test_an_actor_who_has_grown_too_large_for_a_joined_key_is_passed_over(busy: MatchOffice) -> None:
    busy.suspects("acct-2", {"ipv4": [f"198.51.100.{n}" for n in range(70)]})
    answer = await busy.matches.values("ana", [own("acct-2", "user_agent", "curl")])
    assert (answer.values, answer.unread) == ((), 0)


async def test_without_a_consortium_key_there_is_nothing_to_compare(busy: MatchOffice) -> None:
    async def none() -> tuple[str, bytes]:
        raise NotFound("no consortium")

    service = MatchService(busy.store, busy.log, busy.clock, data_key=DATA_KEY, current_key=none)
    with pytest.raises(NotFound):
        await service.values("ana", [])


def test_values_have_no_readable_repr() -> None:
    assert repr(own("acct-1", "email", "john@gmail.com")) == "OwnValue(kind='email')"
