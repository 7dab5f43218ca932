"""Labels of `oprf`: those of matches open, nothing else does; a forged one drops its match and is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from psi_core.engines.interface import MAX_FRAME_BYTES
from psi_core.engines.oprf import labels as labels_module
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.labels import LabelReader, LabelTerms, label_frames, seal_labels, sealed_size
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.sender import OprfSender
from psi_core.errors import EngineFault, ProtocolFault
from tests.oprf_lanes import CTX, Lanes, lanes, open_both, statement_of

psi_native = pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

SIZE = 24


def machines(own: list[int], peer: list[int], *, returns: bool = False) -> tuple[OprfReceiver, OprfSender]:
    made = lanes(own, peer, returns=returns)
    parameters = {**made.receiver.parameters, "label_size": SIZE}
    texts = [b"severity %d" % number for number in peer]
    receiver, sender = Lanes(
        replace(made.receiver, parameters=parameters, label_size=SIZE),
        replace(made.sender, parameters=parameters, label_size=SIZE, labels=texts),
    ).machines()
    open_both(receiver, sender)
    return receiver, sender


def test_labels_of_matches_open_and_no_other() -> None:
    receiver, sender = machines([5, 1, 9, 7], [7, 2, 5, 3, 8])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    assert not receiver.done
    list(receiver.receive(sealed))
    assert receiver.result().positions == (0, 3)
    assert receiver.labels().labels == {0: b"severity 5", 3: b"severity 7"}
    assert receiver.labels().dropped == ()


def test_both_directions_with_labels() -> None:
    receiver, sender = machines([1, 2], [2, 3], returns=True)
    for frame in sender.complete():
        for back in receiver.receive(frame):
            list(sender.receive(back))
    assert (receiver.result().positions, sender.result().positions) == ((1,), (0,))
    assert receiver.labels().labels == {1: b"severity 2"}


def test_a_forged_label_drops_its_match_and_is_reported() -> None:
    receiver, sender = machines([1, 2, 3], [1, 2, 3])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    forged = bytearray(sealed)
    forged[-1] ^= 1  # the label of the highest tag
    list(receiver.receive(bytes(forged)))
    assert receiver.result().count == 2
    dropped = receiver.labels().dropped
    assert len(dropped) == 1
    assert set(receiver.labels().labels) | set(dropped) == {0, 1, 2}


def test_labels_may_not_change_places() -> None:
    receiver, sender = machines([1, 2], [1, 2])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    half = len(sealed) // 2
    list(receiver.receive(sealed[half:] + sealed[:half]))
    assert receiver.result().count == 0
    assert receiver.labels().dropped == (0, 1)


def test_holding_all_tags_and_sealed_labels_opens_none() -> None:
    receiver, sender = machines([100], [1, 2, 3])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    list(receiver.receive(sealed))
    assert receiver.labels().labels == {}
    assert receiver.labels().dropped == ()
    packed, width, size = receiver._theirs.tags(), 10, sealed_size(SIZE)
    outputs = b"".join(receiver._outputs)
    terms = LabelTerms(receiver._lane.statement, CTX, SIZE)
    tried = [tag.ljust(32, b"\0") for tag in (packed[at : at + width] for at in range(0, 30, width))]
    tried += terms.keys(outputs) + terms.keys(packed.ljust(64, b"\0"))
    for place in range(3):
        each, tag = sealed[place * size : (place + 1) * size], packed[place * width : (place + 1) * width]
        for key in tried:
            with pytest.raises(InvalidTag):
                AESGCM(key).decrypt(each[:12], each[12:], terms.bound_to(tag))


def test_labels_are_bound_to_session_agreement_match_key_and_tag() -> None:
    statement = statement_of(EpochKey.fresh())
    terms, output, tag = LabelTerms(statement, CTX, SIZE), bytes(range(64)), b"\1" * 10
    sealed = seal_labels(terms, output, tag, [b"high"])
    for other in (
        terms,
        replace(terms, ctx=bytes(32)),
        replace(terms, statement=statement.model_copy(update={"agreement": "00" * 32})),
        replace(terms, statement=statement.model_copy(update={"match_key": "iban"})),
    ):
        reader = LabelReader(other, 1)
        reader.take(sealed)
        opened = reader.open(tag, [(0, output, tag)])
        assert opened.labels == ({0: b"high"} if other is terms else {})
        assert opened.dropped == (() if other is terms else (0,))


def test_every_sealed_label_has_one_size_and_its_own_nonce() -> None:
    terms = LabelTerms(statement_of(EpochKey.fresh()), CTX, SIZE)
    texts = [b"", b"x", b"y" * SIZE]
    sealed = seal_labels(terms, bytes(64 * 3), b"\1" * 10 + b"\2" * 10 + b"\3" * 10, texts)
    size = sealed_size(SIZE)
    assert len(sealed) == 3 * size
    assert len({sealed[at : at + 12] for at in range(0, 3 * size, size)}) == 3
    with pytest.raises(EngineFault, match="longer"):
        seal_labels(terms, bytes(64), b"\1" * 10, [b"z" * (SIZE + 1)])


def test_a_padded_label_that_no_sealer_writes_does_not_open() -> None:
    terms, output, tag = LabelTerms(statement_of(EpochKey.fresh()), CTX, SIZE), bytes(64), b"\1" * 10
    (key,) = terms.keys(output)
    for padded in (b"\0\1a".ljust(SIZE + 2, b"\1"), (SIZE + 1).to_bytes(2, "big") + bytes(SIZE)):
        sealed = bytes(12) + AESGCM(key).encrypt(bytes(12), padded, terms.bound_to(tag))
        reader = LabelReader(terms, 1)
        reader.take(sealed)
        assert reader.open(tag, [(7, output, tag)]).dropped == (7,)


def test_frames_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    terms, size = LabelTerms(statement_of(EpochKey.fresh()), CTX, SIZE), sealed_size(SIZE)
    assert all(MAX_FRAME_BYTES // sealed_size(each) >= 900 for each in (1, 1024))
    for bad in (0, 1025):
        with pytest.raises(EngineFault, match="1 to 1024"):
            sealed_size(bad)
    monkeypatch.setattr(labels_module, "MAX_FRAME_BYTES", 3 * size + 1)
    frames = list(label_frames(bytes(7 * size), SIZE))
    assert [len(frame) for frame in frames] == [3 * size, 3 * size, size]
    reader = LabelReader(terms, 7)
    for frame in frames:
        for wrong in (frame[:-1], frame + b"\0", b""):
            with pytest.raises(ProtocolFault, match="due"):
                reader.take(wrong)
        reader.take(frame)
    assert reader.complete
    with pytest.raises(ProtocolFault, match="due"):
        reader.take(b"")


def test_a_sender_has_a_label_for_each_item() -> None:
    made = lanes([1], [1, 2])
    parameters = {**made.sender.parameters, "label_size": SIZE}
    with pytest.raises(EngineFault, match="labels"):
        Lanes(
            replace(made.receiver, parameters=parameters, label_size=SIZE),
            replace(made.sender, parameters=parameters, label_size=SIZE, labels=[b"one"]),
        ).machines()
