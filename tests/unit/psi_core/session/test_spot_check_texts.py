"""Challenges and openings of a spot check: what is drawn, what holds, and every lie that must not."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.errors import Conflict, InvalidProof, InvalidSignature, InvalidText, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer
from psi_core.session.challenge import MAX_DRAWN, Challenge
from psi_core.session.items import dummy
from psi_core.session.openings import Openings, OpenSet, Statement, answered, rebuild
from psi_core.session.snapshot import Members, freeze

DOCUMENT = Signer.from_seed("lab-a.example", bytes([1]) * 32)
LOG = Signer.from_seed("lab-a.example/psi-log", bytes([2]) * 32)
NOW = "2026-11-24T09:00:00Z"


def members(count: int = 112, dummies: int = 40, seed: int = 0) -> list[tuple[bytes, bytes, bool]]:
    """A set of `count` leaves; salts and fingerprints follow from `seed`."""
    salts = [hashlib.sha256(b"%d salt %d" % (seed, n)).digest()[:16] for n in range(count)]
    true = [
        (hashlib.sha256(b"%d fingerprint %d" % (seed, n)).digest(), salts[n], False)
        for n in range(count - dummies)
    ]
    return true + [(dummy(salt), salt, True) for salt in salts[count - dummies :]]


def challenge(frozen: list[tuple[bytes, bytes, bool]] | None = None, **changes: Any) -> Challenge:
    frozen = members() if frozen is None else frozen
    values: dict[str, Any] = {
        "lab": "lab-a.example",
        "entry": 7,
        "session_id": "0" * 32,
        "match_key": "device_id",
        "padded_size": len(frozen) + 16,
        "commitment": freeze("device_id", Members.of(frozen), len(frozen) + 16).root.hex(),
        "checkpoint": Checkpoint(LOG.name, 9, bytes(32)).signed(LOG).decode(),
        "nonce": "5" * 64,
        "count": 16,
    }
    return Challenge(**(values | changes))


def openings(asked: Challenge, *, disclose: bool = False) -> Openings:
    return answered(asked, rebuild(asked, Members.of(members())), DOCUMENT, created=NOW, disclose=disclose)


def altered(given: Openings, signer: Signer = DOCUMENT, **changes: Any) -> Openings:
    """The statement with other fields, signed again: what a lab that lies can do."""
    read = Statement.unverified(given.statement).model_copy(update=changes)
    return replace(given, statement=read.signed(signer))


def leaf_altered(given: Openings, at: int, **changes: Any) -> Openings:
    leaves = list(Statement.unverified(given.statement).leaves)
    leaves[at] = leaves[at].model_copy(update=changes)
    return altered(given, leaves=tuple(leaves))


def of_sort(found: OpenSet, asked: Challenge, *, dummies: bool) -> int:
    """Where in the statement the first leaf of this sort stands."""
    return next(at for at, each in enumerate(asked.positions()) if found.is_dummy(each) is dummies)


def test_positions_are_these() -> None:
    """The draw as the module's head gives it, written out once more, by lists instead of a table of moves."""
    asked = challenge()
    parts = (
        b"psi-challenge/v1",
        asked.head.text().encode(),
        b"\x55" * 32,
        (7).to_bytes(8, "big"),
        bytes.fromhex(asked.commitment),
    )
    seed = hashlib.sha256(b"".join(len(each).to_bytes(4, "big") + each for each in parts)).digest()
    left, drawn = list(range(112)), []
    for turn in range(16):
        label = b"psi-challenge-draw/v1"
        data = (
            len(label).to_bytes(4, "big")
            + label
            + b"\0\0\0\x20"
            + seed
            + b"\0\0\0\x04"
            + turn.to_bytes(4, "big")
        )
        place = turn + int.from_bytes(hashlib.sha256(data).digest(), "big") % (112 - turn)
        left[turn], left[place] = left[place], left[turn]
        drawn.append(left[turn])
    assert asked.positions() == tuple(sorted(drawn))


@given(st.integers(1, 500), st.data())
def test_positions_are_distinct_and_within_the_set(leaves: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, min(MAX_DRAWN, leaves)))
    nonce = data.draw(st.binary(min_size=32, max_size=32)).hex()
    drawn = challenge(padded_size=leaves + 16, count=count, nonce=nonce).positions()
    assert len(set(drawn)) == count
    assert 0 <= drawn[0] <= drawn[-1] < leaves


def test_no_position_is_favoured() -> None:
    """600 challenges of 4 out of 12: each position 200 times, with a standard deviation of 11.5."""
    seen: Counter[int] = Counter()
    for number in range(600):
        seen.update(challenge(padded_size=28, count=4, nonce=f"{number:064x}").positions())
    assert len(seen) == 12
    assert all(140 < times < 260 for times in seen.values())


def test_checkpoint_and_nonce_decide() -> None:
    drawn = challenge().positions()
    other = Checkpoint(LOG.name, 10, bytes(32)).signed(LOG).decode()
    assert len({drawn, challenge(nonce="6" * 64).positions(), challenge(checkpoint=other).positions()}) == 3
    again = Checkpoint(LOG.name, 9, bytes(32)).signed(Signer.from_seed(LOG.name, bytes(32))).decode()
    assert challenge(checkpoint=again).positions() == drawn


def test_a_challenge_is_read_as_it_was_written() -> None:
    asked = challenge()
    assert Challenge.read(asked.text().encode()) == asked
    for broken in (b"\xff", b"", asked.text().encode()[:-1], asked.text().replace("16", "016").encode()):
        with pytest.raises(InvalidText):
            Challenge.read(broken)
    with pytest.raises(InvalidText, match="fewer"):
        Challenge.read(challenge(padded_size=31).text().encode())
    with pytest.raises(VerificationError, match="entry 9"):
        Challenge.read(challenge(entry=9).text().encode())


@pytest.mark.parametrize("disclose", [False, True])
def test_honest_openings_hold(disclose: bool) -> None:
    asked = challenge()
    read = Openings.parse(openings(asked, disclose=disclose).render())
    statement = read.check(asked, DOCUMENT.verifier)
    found = rebuild(asked, Members.of(members()))
    for each in statement.leaves:
        assert (each.salt is not None) is disclose
        assert (each.element is not None) is (disclose and not found.is_dummy(each.position))


def test_most_leaves_of_a_large_set_fit_their_file() -> None:
    large = members(4096, 100)
    asked = challenge(large, count=MAX_DRAWN)
    made = answered(asked, rebuild(asked, Members.of(large)), DOCUMENT, created=NOW, disclose=True)
    Openings.parse(made.render()).check(asked, DOCUMENT.verifier)


def test_a_set_that_has_changed_is_not_provable() -> None:
    asked = challenge()
    changed = [members()[1:], members(seed=1), [(each, bytes(16), flag) for each, _, flag in members()], []]
    for each in changed:
        with pytest.raises(Conflict, match="no longer provable"):
            rebuild(asked, Members.of(each))


def test_an_altered_statement() -> None:
    given = openings(challenge())
    note = given.statement.replace(b"09:00:00Z", b"09:00:01Z")
    with pytest.raises(InvalidSignature):
        replace(given, statement=note).check(challenge(), DOCUMENT.verifier)
    stranger = Signer.from_seed("lab-a.example", bytes(32))
    with pytest.raises(InvalidSignature):
        altered(given, stranger).check(challenge(), DOCUMENT.verifier)


def test_a_nonce_that_was_drawn_again() -> None:
    made = openings(challenge(nonce="6" * 64))
    with pytest.raises(VerificationError, match="another challenge"):
        made.check(challenge(), DOCUMENT.verifier)
    forged = altered(made, challenge=challenge().hash().hex())
    with pytest.raises(VerificationError, match="other positions"):
        forged.check(challenge(), DOCUMENT.verifier)


def test_another_snapshot() -> None:
    asked = challenge()
    with pytest.raises(VerificationError, match="another snapshot"):
        altered(openings(asked), entry=8).check(asked, DOCUMENT.verifier)
    other = challenge(members(seed=1))
    made = answered(other, rebuild(other, Members.of(members(seed=1))), DOCUMENT, created=NOW, disclose=False)
    forged = altered(made, challenge=asked.hash().hex(), commitment=asked.commitment)
    with pytest.raises(VerificationError, match="other positions"):
        forged.check(asked, DOCUMENT.verifier)


def test_wrong_positions() -> None:
    asked = challenge()
    taken = asked.positions()
    free = next(each for each in range(asked.leaves) if each not in taken)
    made = openings(asked)
    with pytest.raises(VerificationError, match="other positions"):
        leaf_altered(made, 0, position=free).check(asked, DOCUMENT.verifier)
    leaves = Statement.unverified(made.statement).leaves
    with pytest.raises(VerificationError, match="other positions"):
        altered(made, leaves=leaves[:-1]).check(asked, DOCUMENT.verifier)


def test_wrong_paths() -> None:
    asked = challenge()
    made = openings(asked)
    path = made.paths[0]
    for wrong in ((path[1], path[0], *path[2:]), path[:-1], (*path, bytes(32)), made.paths[1]):
        with pytest.raises(InvalidProof):
            replace(made, paths=(wrong, *made.paths[1:])).check(asked, DOCUMENT.verifier)
    with pytest.raises(InvalidProof, match="one path"):
        replace(made, paths=made.paths[1:]).check(asked, DOCUMENT.verifier)
    with pytest.raises(InvalidProof):
        leaf_altered(made, 0, leaf="0" * 64).check(asked, DOCUMENT.verifier)


def test_a_dummy_that_is_none_and_an_item_that_is_none() -> None:
    asked = challenge()
    found, made = rebuild(asked, Members.of(members())), openings(asked, disclose=True)
    item, false = of_sort(found, asked, dummies=False), of_sort(found, asked, dummies=True)
    with pytest.raises(VerificationError, match="is no dummy"):
        leaf_altered(made, item, element=None).check(asked, DOCUMENT.verifier)
    element = found.element(asked.positions()[false]).hex()
    with pytest.raises(VerificationError, match="is a dummy"):
        leaf_altered(made, false, element=element).check(asked, DOCUMENT.verifier)
    with pytest.raises(VerificationError, match="not what it is shown to be"):
        leaf_altered(made, item, element="0" * 64).check(asked, DOCUMENT.verifier)
    with pytest.raises(InvalidText, match="without its salt"):
        leaf_altered(made, item, salt=None).check(asked, DOCUMENT.verifier)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_openings(data: bytes) -> None:
    with pytest.raises(InvalidText):
        Openings.parse(data)
