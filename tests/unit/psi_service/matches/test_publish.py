"""From a session's pending result to matches."""

from __future__ import annotations

from tests.match_office import LAB_B, LAB_C, MatchOffice


async def test_first_session_and_status_are_kept_and_the_last_moves_on(office: MatchOffice) -> None:
    office.suspects("acct-1", {"email": ["a@x.org"]})
    matched = {"email": [("acct-1", {"email": "a@x.org"})]}
    office.session("s1", LAB_B, matched)
    await office.matches.mark("acct-1", LAB_B, "false positive")
    office.session("s2", LAB_B, matched)
    office.session("s3", LAB_C, matched)
    rows = office.store.query_now(
        lambda db: list(db.query("SELECT peer, first_session, last_session, status, noted FROM matches"))
    )
    assert sorted(rows, key=lambda row: row["peer"]) == [
        {
            "peer": LAB_B,
            "first_session": "s1",
            "last_session": "s2",
            "status": "false positive",
            "noted": "2026-11-24T10:00:00Z",
        },
        {"peer": LAB_C, "first_session": "s3", "last_session": "s3", "status": "to review", "noted": None},
    ]


async def test_only_the_named_session_is_published(office: MatchOffice) -> None:
    office.suspects("acct-1", {"email": ["a@x.org", "b@x.org"]})
    office.session("s1", LAB_B, {"email": [("acct-1", {"email": "a@x.org"})]}, state="pending")
    office.session("s2", LAB_B, {"email": [("acct-1", {"email": "b@x.org"})]})
    (row,) = office.store.query_now(lambda db: list(db.query("SELECT first_session FROM matches")))
    assert row["first_session"] == "s2"
