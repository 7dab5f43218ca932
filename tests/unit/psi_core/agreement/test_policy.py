"""The policy: a row per rule and edge. Each row changes one thing in a session that may run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, permutations
from typing import Any

import pytest

from psi_core.agreement.agreement import Agreement, EngineTerms, LabelGrant, MatchKeyTerms
from psi_core.agreement.policy import (
    RULES,
    LaneQuestion,
    Question,
    Usage,
    decide,
    decide_offer,
    refuse_unknown,
)
from psi_core.agreement.refusal import MAX_WORDS, listed
from psi_core.errors import Refused

LAB_A, LAB_B = "lab-a.example", "lab-b.example"
KEY_ID = "00112233445566ff"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ZEROS = bytes(32)

AGREEMENT = Agreement(
    title="abuse sharing 2026",
    labs=(LAB_A, LAB_B),
    match_keys=(
        MatchKeyTerms(match_key="email", max_size=50_000, evaluations_per_period=100_000),
        MatchKeyTerms(match_key="card", max_size=50_000, evaluations_per_period=60_000),
    ),
    learns=(LAB_A, LAB_B),
    reveal=("items", "count"),
    engines=(
        EngineTerms(engine="openmined", variant="semi-honest"),
        EngineTerms(engine="vole", variant="malicious"),
    ),
    valid_from="2026-11-01T00:00:00Z",
    valid_until="2026-12-31T00:00:00Z",
    period_start="2026-11-01T00:00:00Z",
    period_seconds=30 * 86_400,
    minimum_interval_seconds=600,
    padding_bucket=1024,
    late_abort_limit=3,
    profile="v1",
    consortium_key_id=KEY_ID,
    created="2026-10-30T12:00:00Z",
    nonce="ab" * 16,
)
A_ALONE_LEARNS = AGREEMENT.model_copy(update={"learns": (LAB_A,)})
ITEMS_ALONE = AGREEMENT.model_copy(update={"reveal": ("items",)})
OTHER_LABS = AGREEMENT.model_copy(update={"labs": ("lab-c.example", "lab-d.example")})
NO_INTERVAL = AGREEMENT.model_copy(update={"minimum_interval_seconds": 0})
LABELLED = AGREEMENT.model_copy(update={"labels": (LabelGrant(lab=LAB_B, fields=("severity", "campaign")),)})
EMAIL = LaneQuestion("email", "openmined", "semi-honest", own_size=2048, peer_size=4096, evaluations=40_000)
CARD = replace(EMAIL, match_key="card")
QUESTION = Question(
    initiator=LAB_A,
    responder=LAB_B,
    own_lab=LAB_B,
    protocol="psi/1",
    profile="v1",
    consortium_key_id=KEY_ID,
    direction="both",
    reveal="items",
    period=0,
    lanes=(EMAIL, CARD),
)
USAGE = Usage(
    state="in_force",
    own_protocol="psi/1",
    own_profile="v1",
    own_key_id=KEY_ID,
    spent={},
    last_pre_record=None,
    late_aborts=0,
    open_sessions=0,
    expected_counter=7,
    got_counter=7,
    expected_previous=ZEROS,
    got_previous=ZEROS,
)


@dataclass(frozen=True)
class Row:
    """A change, and the rule that refuses it (None: it may run)."""

    what: str
    rule: str | None
    question: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    lane: dict[str, Any] = field(default_factory=dict)
    agreement: Agreement = AGREEMENT
    now: datetime = NOW
    words: str = ""

    def asked(self, policy: Callable[[Question, Agreement, Usage, datetime], None]) -> None:
        question = replace(QUESTION, **self.question)
        if self.lane:
            question = replace(question, lanes=(replace(EMAIL, **self.lane), CARD))
        policy(question, self.agreement, replace(USAGE, **self.usage), self.now)


EDGE = datetime(2026, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIVE = timedelta(minutes=5)
SPENT = {("email", LAB_A): 87_500}

ROWS = [
    Row("all is well", None),
    Row("the initiator asks itself", None, {"own_lab": LAB_A}),
    Row("not accepted yet", "not_in_force", usage={"state": "waiting"}, words="signed by both"),
    Row("only proposed", "not_in_force", usage={"state": "proposed"}),
    Row("state nobody knows", "not_in_force", usage={"state": "In_Force"}),
    Row("between other labs", "not_in_force", agreement=OTHER_LABS, words="other labs"),
    Row("one lab is a stranger", "not_in_force", {"initiator": "lab-c.example"}),
    Row("a lab with itself", "not_in_force", {"initiator": LAB_B}),
    Row("asked at a third node", "not_in_force", {"own_lab": "lab-c.example"}),
    Row("before its first day", "not_in_force", now=datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)),
    Row("its first moment", None, now=datetime(2026, 11, 1, tzinfo=UTC)),
    Row("revoked", "revoked", usage={"state": "revoked"}, words="Propose"),
    Row("its last second", None, {"period": 1}, now=datetime(2026, 12, 30, 23, 59, 59, tzinfo=UTC)),
    Row("ended", "expired", {"period": 2}, now=datetime(2026, 12, 31, tzinfo=UTC), words="2026-12-31"),
    Row("match key not agreed", "match_key", lane={"match_key": "iban"}, words="iban is not agreed"),
    Row("one lane twice", "match_key", {"lanes": (EMAIL, EMAIL)}),
    Row("no lane", "match_key", {"lanes": ()}),
    Row("initiator learns", None, {"direction": "initiator"}, agreement=A_ALONE_LEARNS),
    Row("responder may not", "direction", {"direction": "responder"}, agreement=A_ALONE_LEARNS, words=LAB_B),
    Row("both may not", "direction", {"direction": "both"}, agreement=A_ALONE_LEARNS),
    Row("roles turned", "direction", {"initiator": LAB_B, "responder": LAB_A, "direction": "initiator"},
        agreement=A_ALONE_LEARNS),
    Row("roles turned, allowed", None, {"initiator": LAB_B, "responder": LAB_A, "direction": "responder"},
        agreement=A_ALONE_LEARNS),
    Row("direction nobody knows", "direction", {"direction": "none"}),
    Row("count", None, {"reveal": "count"}),
    Row("count not agreed", "reveal", {"reveal": "count"}, agreement=ITEMS_ALONE, words="count is not agreed"),
    Row("count with vole", "reveal", {"reveal": "count"}, lane={"engine": "vole", "variant": "malicious"},
        words="openmined"),
    Row("reveal nobody knows", "reveal", {"reveal": "values"}),
    Row("granted labels", None, {"labels": ((LAB_B, ("severity", "campaign")),)}, agreement=LABELLED),
    Row("fewer labels", None, {"labels": ((LAB_B, ("campaign",)),), "direction": "initiator"}, agreement=LABELLED),
    Row("labels granted, none asked", None, agreement=LABELLED),
    Row("a field that is not granted", "labels", {"labels": ((LAB_B, ("severity", "label")),)}, agreement=LABELLED,
        words="label of lab-b.example asked.*Granted are severity, campaign"),
    Row("the other lab's labels", "labels", {"labels": ((LAB_A, ("severity",)),)}, agreement=LABELLED,
        words="grants no labels"),
    Row("labels that nobody granted", "labels", {"labels": ((LAB_B, ("severity",)),)}, words="grants no labels"),
    Row("labels to a lab that does not learn", "labels",
        {"labels": ((LAB_B, ("severity",)),), "direction": "responder"}, agreement=LABELLED, words="learns no items"),
    Row("labels with a count", "labels", {"labels": ((LAB_B, ("severity",)),), "reveal": "count"}, agreement=LABELLED,
        words="learns no items"),
    Row("another agreed engine", None, lane={"engine": "vole", "variant": "malicious"}),
    Row("engine not agreed", "engine", lane={"engine": "oprf", "variant": "verifiable"}, words="openmined, vole"),
    Row("variant not agreed", "variant", lane={"engine": "vole", "variant": "semi-honest"}, words="malicious"),
    Row("variant of another engine", "variant", lane={"variant": "malicious"}),
    Row("largest run", None, lane={"evaluations": 50_000}),
    Row("above the cap", "size_cap", lane={"evaluations": 50_001}, words="at most 50,000"),
    Row("a set above the cap", "size_cap", lane={"peer_size": 50_176}, words="a set of 50,176 for email"),
    Row("claims no evaluation", "size_cap", lane={"evaluations": 0}),
    Row("claims a negative one", "size_cap", lane={"evaluations": -40_000}),
    Row("budget just enough", None, usage={"spent": {("email", LAB_A): 60_000}}),
    Row("budget too small by one", "evaluations_per_period", usage={"spent": {("email", LAB_A): 60_001}}),
    Row("budget overdrawn", "evaluations_per_period", usage={"spent": {("email", LAB_A): 200_000}}, words=" 0 left"),
    Row("other match key's budget", "evaluations_per_period", usage={"spent": {("card", LAB_A): 20_001}},
        words="of card asked"),
    Row("our own spending at them", None, usage={"spent": {("email", LAB_B): 99_999}}),
    Row("only we learn", None, {"direction": "responder"}, {"spent": SPENT}),
    Row("only they learn", "evaluations_per_period", {"direction": "initiator"}, {"spent": SPENT}),
    Row("the other node's lines", "evaluations_per_period", {"own_lab": LAB_A}, {"spent": {("email", LAB_B): 60_001}}),
    Row("the other node's free lines", None, {"own_lab": LAB_A}, {"spent": SPENT}),
    Row("too soon", "minimum_interval", usage={"last_pre_record": NOW - timedelta(seconds=599)},
        words="2026-11-24T09:30:01Z"),
    Row("just late enough", None, usage={"last_pre_record": NOW - timedelta(seconds=600)}),
    Row("clock was set back", "minimum_interval", usage={"last_pre_record": NOW + SECOND}),
    Row("no interval agreed", None, usage={"last_pre_record": NOW}, agreement=NO_INTERVAL),
    Row("peer's set not padded", "padding_bucket", lane={"peer_size": 4097}, words="multiple of 1,024"),
    Row("own set not padded", "padding_bucket", lane={"own_size": 1}),
    Row("peer's set empty", "padding_bucket", lane={"peer_size": 0}),
    Row("own set empty", "padding_bucket", lane={"own_size": 0}),
    Row("negative size", "padding_bucket", lane={"peer_size": -1024}),
    Row("changes not padded", "padding_bucket", lane={"changes": (1024, 1000, 1024)}, words="1,000 changes"),
    Row("other protocol", "protocol", {"protocol": "psi/2"}, words="psi/2 asked"),
    Row("other profile in the offer", "profile", {"profile": "v2"}, words="v2 asked"),
    Row("other profile here", "profile", usage={"own_profile": "v2"}),
    Row("other consortium key in the offer", "consortium_key", {"consortium_key_id": "f" * 16}),
    Row("other consortium key here", "consortium_key", usage={"own_key_id": "f" * 16}),
    Row("both on a key not agreed", "consortium_key", {"consortium_key_id": "f" * 16}, {"own_key_id": "f" * 16}),
    Row("counter too high", "counter", usage={"got_counter": 8}, words="8 came where 7"),
    Row("counter replayed", "counter", usage={"got_counter": 6}),
    Row("previous differs", "previous", usage={"got_previous": bytes([1]) + bytes(31)}, words="Settle"),
    Row("previous cut short", "previous", usage={"got_previous": b""}),
    Row("late aborts at the limit", None, usage={"late_aborts": 3}),
    Row("late aborts above it", "late_aborts", usage={"late_aborts": 4}, words="at most 3"),
    Row("a session is open", "concurrent", usage={"open_sessions": 1}, words="Try again"),
    Row("next period", "period", {"period": 1}),
    Row("negative period", "period", {"period": -1}),
    Row("old period, 5 minutes after", None, {"period": 0}, now=EDGE + FIVE - SECOND),
    Row("old period, just too late", "period", {"period": 0}, now=EDGE + FIVE),
    Row("new period, 5 minutes before", None, {"period": 1}, now=EDGE - FIVE),
    Row("new period, just too early", "period", {"period": 1}, now=EDGE - FIVE - SECOND),
    Row("before the first period", "period", {"period": -1}, now=datetime(2026, 11, 1, tzinfo=UTC)),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_session_is_decided_by_the_rule_that_its_row_names(row: Row) -> None:
    if row.rule is None:
        row.asked(decide)
        return
    with pytest.raises(Refused, match=row.words or "rule") as refusal:
        row.asked(decide)
    assert refusal.value.rule == row.rule
    assert f"rule {row.rule})" in refusal.value.words
    assert f"agreement {row.agreement.short_id}" in refusal.value.words


def test_every_rule_has_a_row() -> None:
    assert {rule.code for rule in RULES} == {row.rule for row in ROWS if row.rule}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_an_offer_is_refused_by_its_cheap_rules_alone(row: Row) -> None:
    later = {"padding_bucket", "size_cap"}
    cheap = {rule.code for rule in RULES if rule.cheap} - later
    if row.rule in cheap:
        with pytest.raises(Refused) as refusal:
            row.asked(decide_offer)
        assert refusal.value.rule == row.rule
    elif row.rule not in later:
        row.asked(decide_offer)


def test_a_set_above_the_cap_is_refused_before_anything_is_frozen() -> None:
    with pytest.raises(Refused, match="a set of 50,176") as refusal:
        Row("", None, lane={"peer_size": 50_176, "own_size": 0, "evaluations": 0}).asked(decide_offer)
    assert refusal.value.rule == "size_cap"


def test_an_offer_comes_before_the_responders_sizes_and_evaluations() -> None:
    Row("", None, lane={"own_size": 0, "evaluations": 0}).asked(decide_offer)
    for size in (1000, -1024):
        with pytest.raises(Refused) as refusal:
            Row("", None, lane={"own_size": 0, "peer_size": size}).asked(decide_offer)
        assert refusal.value.rule == "padding_bucket"


def test_a_refusal_reads_as_people_were_promised() -> None:
    with pytest.raises(Refused) as refusal:
        Row("", None, usage={"spent": SPENT}).asked(decide)
    assert str(refusal.value) == (
        "budget: 40,000 evaluations of email asked, 12,500 left until 2026-12-01 "
        f"(agreement {AGREEMENT.short_id}, rule evaluations_per_period). "
        "Send fewer items or agree on a larger budget."
    )


def test_a_gap_in_the_counters_speaks_first_and_an_open_session_last() -> None:
    with pytest.raises(Refused) as refusal:
        Row("", None, usage={"got_counter": 9, "state": "revoked", "open_sessions": 1}).asked(decide_offer)
    assert refusal.value.rule == "counter"
    with pytest.raises(Refused) as refusal:
        Row("", None, usage={"late_aborts": 9, "open_sessions": 1}).asked(decide)
    assert refusal.value.rule == "late_aborts"


def test_cards_sent_in_the_email_lane_are_debited_to_email() -> None:
    """The policy sees lanes, not items: whatever is in the email lane spends email's budget and no other."""
    row = Row("", None, {"lanes": (EMAIL,)}, {"spent": {("card", LAB_A): 60_000}})
    row.asked(decide)
    with pytest.raises(Refused, match="of email asked"):
        Row("", None, {"lanes": (EMAIL,)}, {"spent": {("email", LAB_A): 60_001}}).asked(decide)


def test_names_that_a_peer_made_up_are_not_echoed_raw() -> None:
    for hostile in ("\x1b[31mred", "a" * 500, "line\nbreak", "[bold]x[/bold]"):
        for row in (
            Row("", None, lane={"match_key": hostile}),
            Row("", None, lane={"engine": hostile}),
            Row("", None, lane={"variant": hostile}),
            Row("", None, {"reveal": hostile}),
            Row("", None, {"profile": hostile}),
            Row("", None, {"protocol": hostile}),
        ):
            with pytest.raises(Refused, match="an unreadable name") as refusal:
                row.asked(decide)
            assert hostile not in str(refusal.value)


def test_no_refusal_is_longer_than_a_signed_refuse_holds() -> None:
    kinds = ("email", "card", "iban", "phone", "device_id", "username", "user_agent", "domain")
    names = ["+".join(each) for each in islice(permutations(kinds, 4), 16)]
    long_lab = ".".join(["a" * 60] * 4)
    long = AGREEMENT.model_copy(
        update={
            "labs": (long_lab, LAB_B),
            "learns": (LAB_B,),
            "match_keys": tuple(
                MatchKeyTerms(match_key=name, max_size=1, evaluations_per_period=1) for name in names
            ),
        }
    )
    lane = replace(EMAIL, match_key=names[0], engine="e" * 100, variant="v" * 100)
    for question in (
        replace(QUESTION, initiator=long_lab),
        replace(QUESTION, initiator=long_lab, lanes=(lane,)),
        replace(QUESTION, initiator=long_lab, lanes=(lane,), direction="responder"),
    ):
        with pytest.raises(Refused) as refusal:
            decide(question, long, USAGE, NOW)
        assert len(refusal.value.words) <= MAX_WORDS


def test_agreed_match_keys_are_listed_as_far_as_people_read() -> None:
    assert listed(["email", "card"]) == "email, card"
    assert listed(["x" * 150, "y" * 50, "z", "z"]) == f"{'x' * 150}, {'y' * 50}, 2 more"


def test_an_unknown_agreement_is_refused_after_its_counter() -> None:
    with pytest.raises(Refused, match="not known here") as refusal:
        refuse_unknown(QUESTION, USAGE, NOW)
    assert refusal.value.rule == "not_in_force"
    with pytest.raises(Refused) as refusal:
        refuse_unknown(QUESTION, replace(USAGE, got_counter=9), NOW)
    assert refusal.value.rule == "counter"
