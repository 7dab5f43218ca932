"""Signatures are checked in batches beside the reading; what two logs share is checked once."""

from __future__ import annotations

from psi_client.audit import signatures, texts
from psi_client.audit.facts import Faults
from psi_client.audit.signatures import SignatureChecks, Signed
from psi_core.agreement.agreement import Agreement
from psi_core.log.key import Signer

LAB = Signer.from_seed("lab-a.example", bytes(32))


def signed(text: str, faults: Faults, good: list[str], *, over: str | None = None) -> Signed:
    value = LAB.sign(over or text).value
    return Signed(
        LAB.verifier, text.encode(), value, f"the text {text}", 7, faults, lambda: good.append(text)
    )


def test_each_is_told_right_or_wrong_in_order_over_several_batches(monkeypatch) -> None:
    monkeypatch.setattr(signatures, "BATCH", 3)
    faults, good, checks = Faults(), [], SignatureChecks()
    for number in range(10):
        checks.expect(signed(f"{number}", faults, good, over="another" if number in {2, 8} else None))
    checks.finish()
    assert good == [str(number) for number in range(10) if number not in {2, 8}]
    assert [each.words.partition(":")[0] for each in faults.shown] == ["the text 2", "the text 8"]


def test_what_was_right_once_is_not_checked_again_and_what_was_wrong_is(monkeypatch) -> None:
    shared: set[bytes] = set()
    checked: list[int] = []
    plain = signatures.wrong_signatures
    monkeypatch.setattr(
        signatures, "wrong_signatures", lambda given: checked.append(len(given)) or plain(given)
    )
    for _ in range(2):
        faults, good, checks = Faults(), [], SignatureChecks(shared)
        for _ in range(2):
            checks.expect(signed("right", faults, good))
            checks.expect(signed("wrong", faults, good, over="right"))
        checks.finish()
        assert (good, faults.count) == (["right", "right"], 2)
    assert checked == [2, 1]


def test_no_digest_is_kept_beyond_the_bound(monkeypatch) -> None:
    monkeypatch.setattr(signatures, "MAX_GOOD", 1)
    shared: set[bytes] = set()
    checks = SignatureChecks(shared)
    for number in range(5):
        checks.expect(signed(f"{number}", Faults(), []))
    checks.finish()
    assert len(shared) == 1


def test_of_every_text_that_an_entry_may_hold_it_is_known_who_signs_it() -> None:
    types = {each for types in texts._EXPECTED.values() for each in types} - {Agreement}
    assert types == set(texts._SIGNERS)
    assert all(set(names) <= set(each.model_fields) for each, names in texts._SIGNERS.items())
