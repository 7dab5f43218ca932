"""Offer, Accept, pre-record and record: what must agree, and what a record is rebuilt from."""

import hashlib

import pytest
from pydantic import ValidationError

from psi_core.errors import InvalidSignature, InvalidText, ProtocolFault
from psi_core.log.key import Signer
from psi_core.session.closing import Claims, Hashes, PreRecord, Record, pre_record, record
from psi_core.session.counter import proven_highest
from psi_core.session.opening import (
    Accept,
    KeyEvidence,
    Lane,
    Offer,
    Refuse,
    SessionLabels,
    context,
    differences,
)

A = Signer.generate("lab-a.example")
B = Signer.generate("lab-b.example")


def lane(**changes):
    values = {
        "match_key": "email",
        "engine": "openmined",
        "variant": "semi-honest",
        "padded_size": 128,
        "snapshot": "aa" * 32,
        "parameters": {},
    }
    return Lane(**(values | changes))


def offer(**changes):
    values = {
        "protocol": "psi/1",
        "initiator": "lab-a.example",
        "responder": "lab-b.example",
        "session_id": "01" * 16,
        "agreement": "02" * 32,
        "period": 0,
        "consortium_key_id": "03" * 8,
        "profile": "v1",
        "direction": "both",
        "reveal": "items",
        "lanes": (lane(),),
        "nonce": "04" * 32,
        "checkpoint": "lab-a.example/psi-log\n",
        "counter": 1,
        "previous": "00" * 32,
        "expires": "2026-11-24T09:00:00Z",
    }
    return Offer(**(values | changes))


def accept(of, **changes):
    values = of.model_dump(exclude={"counter", "previous", "expires"}) | {
        "lanes": (lane(padded_size=256, snapshot="bb" * 32, parameters={"buckets": 1, "bucket_size": 256}),),
        "nonce": "05" * 32,
        "offer": of.hash().hex(),
    }
    return Accept(**(values | changes))


def test_an_accept_of_this_offer_has_no_differences():
    assert differences(offer(), accept(offer())) == ()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"session_id": "ff" * 16}, "session_id"),
        ({"period": 1}, "period"),
        ({"direction": "initiator"}, "direction"),
        ({"reveal": "count"}, "reveal"),
        ({"profile": "v2"}, "profile"),
        ({"agreement": "ff" * 32}, "agreement"),
        ({"consortium_key_id": "ff" * 8}, "consortium_key_id"),
        ({"offer": "ff" * 32}, "offer"),
        ({"nonce": "04" * 32}, "nonce"),
        ({"lanes": (lane(match_key="card"),)}, "lanes"),
        ({"lanes": (lane(variant="malicious"),)}, "lanes"),
        ({"lanes": (lane(), lane(match_key="card"))}, "lanes"),
    ],
)
def test_an_accept_that_changes_anything_is_told_apart(change, named):
    assert differences(offer(), accept(offer(), **change)) == (named,)


def test_ctx_is_the_hash_of_both_hashes():
    one, other = offer(), accept(offer())
    assert context(one.hash(), other.hash()) == hashlib.sha256(one.hash() + other.hash()).digest()
    assert context(one.hash(), other.hash()) != context(other.hash(), one.hash())


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"initiator": ()},
        {"initiator": ("campaign", "severity")},
        {"responder": ("severity", "severity")},
        {"responder": ("value",)},
    ],
)
def test_labels_name_known_fields_once_and_in_one_order(labels):
    with pytest.raises((InvalidText, ValidationError)):
        SessionLabels(**labels)


def test_labels_are_part_of_offer_accept_and_record():
    labels = SessionLabels(initiator=("severity",), responder=("severity", "campaign"))
    mine = offer(labels=labels)
    assert Offer.from_text(mine.text()) == mine
    assert (mine.labels_of("initiator"), mine.labels_of("responder")) == (labels.initiator, labels.responder)
    assert offer().labels_of("responder") == ()
    theirs = accept(mine)
    assert differences(mine, theirs) == ()
    assert differences(mine, theirs.model_copy(update={"labels": None})) == ("labels",)
    both = Claims(initiator="1", responder="1")
    text = record(
        mine, theirs, ("verifiable-sender",), (both,), Hashes(initiator="0" * 64, responder="0" * 64)
    )
    assert text.labels == labels


def test_sixteen_lanes_are_the_most():
    with pytest.raises(ValueError, match="at most 16"):
        offer(lanes=(lane(),) * 17)


def test_texts_round_trip_and_keep_their_hash():
    transcripts = Hashes(initiator="06" * 32, responder="07" * 32)
    one, other = offer(), accept(offer())
    texts = [
        one,
        other,
        pre_record(one, other, "lab-a.example", transcripts),
        record(one, other, ("semi-honest",), (Claims(initiator="3", responder="3"),), transcripts),
    ]
    for text in texts:
        again = type(text).open(text.signed(A), A.verifier)
        assert again == text
        assert again.hash() == text.hash()


def test_a_record_of_one_type_is_no_record_of_another():
    with pytest.raises(InvalidText):
        Record.open(offer().signed(A), A.verifier)


def test_different_counts_make_the_outcome_fault_only_where_both_learn():
    transcripts = Hashes(initiator="06" * 32, responder="07" * 32)

    def outcome(direction, claims):
        one = offer(direction=direction)
        return record(one, accept(one), ("semi-honest",), (claims,), transcripts).outcome

    assert outcome("both", Claims(initiator="3", responder="4")) == "fault"
    assert outcome("both", Claims(initiator="3", responder="3")) == "ok"
    assert outcome("initiator", Claims(initiator="ab" * 32)) == "ok"


def test_a_pre_record_names_parameters_and_sizes_of_both_sides():
    text = pre_record(
        offer(), accept(offer()), "lab-b.example", Hashes(initiator="06" * 32, responder="07" * 32)
    )
    assert (text.lanes[0].sizes.initiator, text.lanes[0].sizes.responder) == (128, 256)
    assert text.lanes[0].parameters == {"buckets": 1, "bucket_size": 256}
    assert isinstance(text, PreRecord)


def refuse(highest):
    return Refuse(
        session_id="01" * 16,
        offer=offer().hash().hex(),
        by="lab-b.example",
        rule="counter",
        words="counter: 1 came where 6 was due",
        highest_offer=highest,
    )


def test_a_refuse_counter_proves_the_highest_offer_by_our_own_signature():
    seen = offer(counter=5).signed(A).decode()
    assert proven_highest(refuse(seen), offer(), A.verifier) == 5
    assert proven_highest(refuse("none"), offer(), A.verifier) == 0


def test_a_refuse_counter_holds_an_offer_of_sixteen_lanes_that_all_show_a_key():
    key = KeyEvidence(entry="A" * 960, index=2**20, path=("ab" * 32,) * 20)
    lanes = tuple(lane(match_key=f"kind_{number}", key=key) for number in range(16))
    seen = offer(counter=5, lanes=lanes).signed(A).decode()
    assert len(seen) > 32_768
    told = refuse(seen).signed(B)
    assert proven_highest(Refuse.open(told, B.verifier), offer(), A.verifier) == 5


def test_a_refuse_counter_with_an_offer_that_we_did_not_sign_proves_nothing():
    forged = offer(counter=2**50).signed(B).decode()
    with pytest.raises(InvalidSignature):
        proven_highest(refuse(forged), offer(), A.verifier)


def test_a_refuse_counter_with_an_offer_to_another_lab_is_a_fault():
    elsewhere = offer(counter=9, responder="lab-c.example").signed(A).decode()
    with pytest.raises(ProtocolFault):
        proven_highest(refuse(elsewhere), offer(), A.verifier)
    with pytest.raises(ProtocolFault):
        proven_highest(refuse(None), offer(), A.verifier)
