"""What is new since the last good run, over the real tables of sessions and matches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from psi_service.clock import instant
from psi_service.jobs import rows, run_rows
from psi_service.jobs.learned import learned
from psi_service.jobs.run_rows import Learned, Outcome
from psi_service.jobs.verdict import Retry, Verdict
from psi_service.jobs.wishes import Wishes
from psi_service.sessions.views import LaneView
from tests.job_world import session_of
from tests.match_office import LAB_B, LAB_C, MatchOffice

GOOD = Verdict("done", "", "", Retry.NEVER)


class Job:
    """A job in the office's store whose sessions are put there by hand."""

    def __init__(self, office: MatchOffice, **wishes: Any) -> None:
        self.office = office
        self.wishes = Wishes(LAB_B, **wishes)
        self.number = office.store.transaction_now(
            lambda db: rows.insert(
                db, self.wishes, ("@daily", "UTC"), None, instant(office.now), office.now + timedelta(days=1)
            )
        )

    def counts(self, session_id: str, **lanes: int | None) -> Learned:
        """Write down a good run with this session."""
        office = self.office
        office.now += timedelta(minutes=1)
        now = instant(office.now)
        views = tuple(
            LaneView(match_key=name, engine="openmined", own_size=64, peer_size=64, matched=matched)
            for name, matched in lanes.items()
        )
        session = session_of(self.wishes, session_id=session_id, lanes=views, actors=len(lanes))

        def work(db: Any) -> Learned:
            run = run_rows.begin(db, self.number, now)
            found = learned(db, rows.one(db, self.number), session, now)
            run_rows.finish(db, self.number, run, Outcome(GOOD, 1, session_id, found), now)
            return found

        return office.store.transaction_now(work)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[MatchOffice]:
    office = MatchOffice(tmp_path)
    await office.log.verify_at_start()
    for number in range(6):
        office.suspects(f"acct-{number}", {"email": [f"{number}@x.org"], "device_id": [f"ios:{number}"]})
    yield office
    await office.store.close()


def emails(*numbers: int) -> dict[str, list[tuple[str, dict[str, str]]]]:
    return {"email": [(f"acct-{number}", {"email": f"{number}@x.org"}) for number in numbers]}


async def test_at_first_everything_is_new_then_only_what_came_since(office: MatchOffice) -> None:
    job = Job(office)
    office.session("s1", LAB_B, emails(0, 1))
    assert job.counts("s1", email=2) == Learned(1, 2, ("s1",), {"email": 2})
    office.session("s2", LAB_B, emails(0, 1))
    assert job.counts("s2", email=2).new == 0
    office.session("s3", LAB_B, emails(0, 1, 2))
    found = job.counts("s3", email=3)
    assert (found.new, found.new_in) == (1, ("s3",))


async def test_what_the_peers_own_session_brought_in_between_counts(office: MatchOffice) -> None:
    job = Job(office)
    office.session("s1", LAB_B, emails(0))
    job.counts("s1", email=1)
    office.session("theirs", LAB_B, emails(0, 1, 2))
    office.session("s2", LAB_B, emails(0, 1, 2, 3))
    found = job.counts("s2", email=4)
    assert (found.new, found.new_in) == (3, ("s2", "theirs"))


async def test_a_session_that_ends_in_the_second_of_the_count_is_not_lost(office: MatchOffice) -> None:
    job = Job(office)
    office.session("s1", LAB_B, emails(0))
    job.counts("s1", email=1)
    # `session` moves the clock by an hour: back, so that it ends in the very second of the count.
    office.now -= timedelta(hours=1)
    office.session("theirs", LAB_B, emails(1))
    office.session("s2", LAB_B, emails(0, 1))
    assert job.counts("s2", email=2).new == 1


async def test_the_session_that_was_counted_last_is_not_counted_again_for_its_second(
    office: MatchOffice,
) -> None:
    job = Job(office)
    # Its end and its count fall into one second.
    office.session("s1", LAB_B, emails(0))
    office.now -= timedelta(minutes=1)
    assert job.counts("s1", email=1).new == 1
    office.session("s2", LAB_B, emails(0))
    assert job.counts("s2", email=1).new == 0


async def test_other_peers_other_match_keys_and_false_positives_do_not_count(office: MatchOffice) -> None:
    job = Job(office, match_keys=("email",))
    office.session("s1", LAB_C, emails(0))
    office.session("s2", LAB_B, {"device_id": [("acct-1", {"device_id": "ios:1"})]})
    office.session("s3", LAB_B, emails(2, 3))
    await office.matches.mark("acct-2", LAB_B, "false positive")
    assert job.counts("s3", email=2).new == 1


async def test_an_actor_that_matches_on_one_more_value_is_one(office: MatchOffice) -> None:
    job = Job(office)
    both = {**emails(0), "device_id": [("acct-0", {"device_id": "ios:0"})]}
    office.session("s1", LAB_B, both)
    assert job.counts("s1", email=1, device_id=1).new == 1


async def test_with_counts_alone_new_is_how_many_more(office: MatchOffice) -> None:
    job = Job(office, reveal="count")
    assert job.counts("s1", email=5, card=2).new == 7
    assert job.counts("s2", email=4, card=5).new == 2
    assert job.counts("s3", email=1, card=1).new == 0
    assert job.counts("s4", email=1, card=2).new == 1


async def test_who_learns_nothing_is_told_nothing(office: MatchOffice) -> None:
    job = Job(office)
    office.session("s1", LAB_B, emails(0))
    found = job.counts("s1", email=None)
    assert (found.new, found.actors, found.matched) == (None, None, {"email": None})
