"""Keys of `oprf`: statement, proof of possession, evidence from the log, one key an epoch, and its end."""

from __future__ import annotations

import pytest

from psi_core.engines.oprf.epoch import LEAST, EpochUse, caps
from psi_core.engines.oprf.evidence import KeyEvidence, check_evidence, entry_body, evidence
from psi_core.engines.oprf.key import EpochKey, KeyStatement, check_same
from psi_core.engines.oprf.lane import check_statement, item_domain, sender_side
from psi_core.errors import EngineFault, InvalidProof, InvalidText
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.tree import leaf_hash, node_hash
from tests.oprf_lanes import AGREEMENT, RECEIVER, SENDER, statement_of

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

OTHER = leaf_hash(b"another entry")


def logged(
    statement: KeyStatement, *, kind: EntryKind = EntryKind.KEY, peer: str = RECEIVER, body: object = None
) -> tuple[KeyEvidence, Checkpoint]:
    """Evidence for a statement that is entry 1 of 2, and the log's checkpoint."""
    given = entry_body(statement) if body is None else {"oprf_key": body}
    entry = Entry(kind, bytes(16), "2026-11-24T00:00:00Z", peer, given).encode()
    root = node_hash(OTHER, leaf_hash(entry))
    return evidence(entry, 1, [OTHER]), Checkpoint(f"{SENDER}/psi-log", 2, root)


@pytest.fixture(scope="module")
def statement() -> KeyStatement:
    return statement_of(EpochKey.fresh())


def test_a_logged_statement_is_read_back(statement: KeyStatement) -> None:
    shown, checkpoint = logged(statement)
    assert check_evidence(shown, checkpoint) == statement
    check_statement(statement, lab=SENDER, peer=RECEIVER, agreement=AGREEMENT, match_key="email")


def test_a_statement_that_is_not_in_the_log(statement: KeyStatement) -> None:
    shown, checkpoint = logged(statement)
    for wrong in (
        shown.model_copy(update={"index": 0}),
        shown.model_copy(update={"index": 2}),
        shown.model_copy(update={"path": ()}),
        shown.model_copy(update={"path": (bytes(32).hex(),)}),
        logged(statement_of(EpochKey.fresh()))[0],
    ):
        with pytest.raises(InvalidProof):
            check_evidence(wrong, checkpoint)


def test_entries_that_commit_no_key(statement: KeyStatement) -> None:
    for shown, checkpoint in (
        logged(statement, kind=EntryKind.ADMIN),
        logged(statement, body=1),
        logged(statement, peer="lab-c.example"),
    ):
        with pytest.raises(InvalidProof):
            check_evidence(shown, checkpoint)
    shown, checkpoint = logged(statement, body="psi-oprf-key/v1\n{}\n")
    with pytest.raises(InvalidText):
        check_evidence(shown, checkpoint)
    with pytest.raises(InvalidText):
        check_evidence(shown.model_copy(update={"entry": "???"}), checkpoint)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", 2),
        ("peer", "lab-c.example"),
        ("lab", "lab-c.example"),
        ("agreement", "00" * 32),
        ("match_key", "phone"),
        ("max_tags", 5),
        ("max_evaluations", 5),
    ],
)
def test_the_proof_of_possession_covers_every_field(
    statement: KeyStatement, name: str, value: object
) -> None:
    statement.check_possession()
    changed = KeyStatement.model_validate(statement.model_dump() | {name: value})
    with pytest.raises(InvalidProof, match="hold"):
        changed.check_possession()
    with pytest.raises(InvalidProof, match="second key"):
        check_same(statement, changed)


def test_a_key_that_belongs_to_someone_else(statement: KeyStatement) -> None:
    taken = statement.model_dump() | {"public_key": EpochKey.fresh().public.hex()}
    with pytest.raises(InvalidProof, match="hold"):
        KeyStatement.model_validate(taken).check_possession()
    identity = statement.model_dump() | {"public_key": bytes(32).hex()}
    with pytest.raises(InvalidProof, match="identity"):
        KeyStatement.model_validate(identity).check_possession()


def test_one_epoch_has_one_key(statement: KeyStatement) -> None:
    check_same(statement, statement)
    with pytest.raises(InvalidProof, match="second key"):
        check_same(statement, statement_of(EpochKey.fresh()))


@pytest.mark.parametrize(
    "wrong", [{"lab": RECEIVER}, {"peer": SENDER}, {"agreement": bytes(32)}, {"match_key": "iban"}]
)
def test_a_statement_for_another_lane(statement: KeyStatement, wrong: dict[str, object]) -> None:
    due = {"lab": SENDER, "peer": RECEIVER, "agreement": AGREEMENT, "match_key": "email"} | wrong
    with pytest.raises(InvalidProof):
        check_statement(statement, **due)  # type: ignore[arg-type]  # one value is wrong, none is of a wrong type


def test_items_mean_nothing_under_another_key_epoch_or_pair(statement: KeyStatement) -> None:
    changes = {
        "lab": "c.example",
        "peer": "c.example",
        "agreement": "00" * 32,
        "match_key": "iban",
        "epoch": 2,
    }
    domains = {
        item_domain(KeyStatement.model_validate(statement.model_dump() | {n: v})) for n, v in changes.items()
    }
    assert len(domains | {item_domain(statement), item_domain(statement_of(EpochKey.fresh()))}) == 7


@pytest.mark.parametrize(
    ("evaluations", "tags", "bits"),
    [(1, 1, 40), (1 << 20, 1 << 20, 80), ((1 << 20) + 1, 1 << 20, 81), (1 << 30, 1 << 30, 100), (3, 5, 44)],
)
def test_the_length_of_tags_follows_from_the_caps(evaluations: int, tags: int, bits: int) -> None:
    made = statement_of(EpochKey.fresh(), max_evaluations=evaluations, max_tags=tags)
    assert made.tag_bits == bits
    assert 2 ** (bits - 41) < evaluations * tags <= 2 ** (bits - 40)


def test_the_epoch_ends_at_either_cap() -> None:
    made = statement_of(EpochKey.fresh(), max_evaluations=10, max_tags=20)
    use = EpochUse().after(made, evaluations=5, tags=10).after(made, evaluations=5, tags=10)
    assert use == EpochUse(10, 20)
    for evaluations, tags in [(1, 0), (0, 1)]:
        with pytest.raises(EngineFault, match="epoch 1"):
            use.after(made, evaluations=evaluations, tags=tags)


def test_caps_leave_room_and_stop_at_what_a_key_may_do() -> None:
    assert caps(1_000_000, 50) == (1_875_000, LEAST)
    assert caps(1, 1) == (LEAST, LEAST)
    assert caps(1 << 30, 1 << 29) == (1 << 30, 15 << 26)
    with pytest.raises(EngineFault, match="too large"):
        caps((1 << 30) + 1, 1)


def test_tags_stay_short_at_two_to_the_twenty_and_some_padding() -> None:
    evaluations, tags = caps((1 << 20) + 4096, (1 << 20) + 4096)
    made = statement_of(EpochKey.fresh(), max_evaluations=evaluations, max_tags=tags)
    # Golomb-Rice: bits - floor(log2 n) low bits, and 1.6 more on average: below 8 bytes.
    assert made.tag_bits - 20 + 1.6 < 64


def test_with_both_the_responder_sends() -> None:
    assert [sender_side(each) for each in ("initiator", "responder", "both")] == [  # type: ignore[arg-type]  # literals
        "responder",
        "initiator",
        "responder",
    ]
