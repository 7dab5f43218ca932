"""Labels of `oprf`: those of matches open, nothing else does; a forged one drops its match and is reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from psi_core import native_core
from psi_core.engines import labels as wire
from psi_core.engines.interface import MAX_FRAME_BYTES, LaneLabels, Outcome
from psi_core.engines.labels import OVERHEAD, SealedReader, bound_to, label_frames, opened, sealed_size
from psi_core.engines.oprf.labels import label_keys, sealed_by_tag
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.return_frames import RETURN_BUCKET, RETURN_BYTES
from psi_core.engines.oprf.sender import OprfSender
from psi_core.errors import EngineFault, ProtocolFault
from tests.oprf_lanes import AGREEMENT, CTX, Lanes, lanes, open_both

psi_native = pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

SIZE = 24
BACK = 8
BOUND = bound_to(AGREEMENT, "email")


def said(number: int) -> bytes:
    return (b"severity %d" % number).ljust(SIZE, b"\0")


def reply(number: int) -> bytes:
    return (b"re %d" % number).ljust(BACK, b"\0")


def labelled(own: Sequence[int], peer: Sequence[int], *, returns: bool = False, back: bool = False) -> Lanes:
    made = lanes(own, peer, returns=returns)
    size = BACK if back else 0
    theirs = b"".join(map(reply, own)) if back else b""
    return Lanes(
        replace(made.receiver, labels=LaneLabels(size, SIZE, theirs, BOUND)),
        replace(made.sender, labels=LaneLabels(SIZE, size, b"".join(map(said, peer)), BOUND)),
    )


def machines(own: Sequence[int], peer: Sequence[int], **how: bool) -> tuple[OprfReceiver, OprfSender]:
    receiver, sender = labelled(own, peer, **how).machines()
    open_both(receiver, sender)
    return receiver, sender


def finish(receiver: OprfReceiver, sender: OprfSender) -> tuple[Outcome, Outcome]:
    for frame in sender.complete():
        for back in receiver.receive(frame):
            assert not list(sender.receive(back))
    return receiver.result(), sender.result()


def test_labels_of_matches_open_and_no_other() -> None:
    receiver, sender = machines([5, 1, 9, 7], [7, 2, 5, 3, 8])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    assert not receiver.done
    list(receiver.receive(sealed))
    outcome = receiver.result()
    assert outcome.positions == (0, 3)
    assert outcome.labels == {0: said(5), 3: said(7)}
    assert outcome.unopened == 0


def test_both_learn_and_each_gives_labels() -> None:
    ours, theirs = finish(*machines([1, 2, 4], [4, 2, 3], returns=True, back=True))
    assert (ours.positions, theirs.positions) == ((1, 2), (0, 1))
    assert ours.labels == {1: said(2), 2: said(4)}
    assert theirs.labels == {0: reply(4), 1: reply(2)}
    assert (ours.unopened, theirs.unopened) == (0, 0)


def test_both_learn_and_only_the_sender_gives_labels() -> None:
    ours, theirs = finish(*machines([1, 2], [2, 3], returns=True))
    assert (ours.labels, theirs.labels) == ({1: said(2)}, {})


def test_both_learn_and_only_the_receiver_gives_labels() -> None:
    made = labelled([1, 2], [2, 3], returns=True, back=True)
    receiver, sender = Lanes(
        replace(made.receiver, labels=LaneLabels(BACK, 0, b"".join(map(reply, [1, 2])), BOUND)),
        replace(made.sender, labels=LaneLabels(0, BACK, b"", BOUND)),
    ).machines()
    open_both(receiver, sender)
    ours, theirs = finish(receiver, sender)
    assert (ours.labels, theirs.labels) == ({}, {0: reply(2)})


def test_a_forged_label_drops_its_match_is_reported_and_nothing_of_it_is_returned() -> None:
    receiver, sender = machines([1, 2, 3], [1, 2, 3], returns=True, back=True)
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    forged = bytearray(sealed)
    forged[-1] ^= 1  # the label of the highest tag
    for back in receiver.receive(bytes(forged)):
        list(sender.receive(back))
    ours, theirs = receiver.result(), sender.result()
    assert (ours.count, ours.unopened, len(ours.labels)) == (2, 1, 2)
    assert {position + 1 for position in ours.positions or ()} == {
        int(label[9:10]) for label in ours.labels.values()
    }
    # The one who forged it learns nothing of that match either, so both still count alike.
    assert theirs.positions == ours.positions


def test_a_forged_returned_label_is_reported_and_its_match_stays() -> None:
    receiver, sender = machines([1, 2], [1, 2], returns=True, back=True)
    frames = [back for frame in sender.complete() for back in receiver.receive(frame)]
    values, sealed = frames
    assert len(values) == RETURN_BUCKET * RETURN_BYTES
    assert len(sealed) == RETURN_BUCKET * (BACK + OVERHEAD)
    for frame in (values, bytes(byte ^ 1 for byte in sealed)):
        list(sender.receive(frame))
    outcome = sender.result()
    assert (outcome.positions, outcome.labels, outcome.unopened) == ((0, 1), {}, 2)


def test_labels_may_not_change_places() -> None:
    receiver, sender = machines([1, 2], [1, 2])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    half = len(sealed) // 2
    list(receiver.receive(sealed[half:] + sealed[:half]))
    outcome = receiver.result()
    assert (outcome.positions, outcome.labels, outcome.unopened) == ((), {}, 2)


def test_holding_all_tags_and_sealed_labels_opens_none() -> None:
    receiver, sender = machines([1, 2, 3], [4, 5, 6])
    tags, sealed = sender.complete()
    list(receiver.receive(tags))
    list(receiver.receive(sealed))
    outcome = receiver.result()
    assert (outcome.positions, outcome.labels, outcome.unopened) == ((), {}, 0)
    # Whatever the receiver holds, its outputs and all tags, makes no key of another's label.
    width = -(-receiver._bits // 8)
    theirs = native_core.cut(receiver._theirs.tags(), width)
    outputs = [*receiver._outputs, *(tag.ljust(64, b"\0") for tag in theirs)]
    keys = native_core.cut(label_keys(b"".join(outputs), CTX, "sent"))
    for place, tag in enumerate(theirs):
        row = sealed[place * sealed_size(SIZE) : (place + 1) * sealed_size(SIZE)]
        for key in keys:
            assert opened(key, BOUND, tag, width, row, SIZE) == [None]


def test_labels_are_bound_to_session_way_agreement_match_key_and_tag() -> None:
    output, tag = bytes(range(64)), b"\1" * 10
    given = LaneLabels(4, 0, b"high", BOUND)
    sealed = sealed_by_tag(given, CTX, output, tag, 10, given.own)
    key = label_keys(output, CTX, "sent")
    assert opened(key, BOUND, tag, 10, sealed, 4) == [b"high"]
    for other_key, bound, other_tag in (
        (label_keys(output, bytes(32), "sent"), BOUND, tag),
        (label_keys(output, CTX, "returned"), BOUND, tag),
        (key, bound_to(bytes(32), "email"), tag),
        (key, bound_to(AGREEMENT, "iban"), tag),
        (key, BOUND, b"\2" * 10),
    ):
        assert opened(other_key, bound, other_tag, 10, sealed, 4) == [None]


def test_every_sealed_label_has_one_size_and_its_own_nonce() -> None:
    given = LaneLabels(SIZE, 0, said(1) + said(2) + bytes(SIZE), BOUND)
    sealed = sealed_by_tag(
        given, CTX, bytes(64 * 3), b"".join(bytes([at]) * 10 for at in (1, 2, 3)), 10, given.own
    )
    each = native_core.cut(sealed, sealed_size(SIZE))
    assert [len(one) for one in each] == [SIZE + OVERHEAD] * 3
    assert len({one[:12] for one in each}) == 3


def test_frames_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    each = sealed_size(SIZE)
    for impossible in (0, 1025):
        with pytest.raises(EngineFault):
            sealed_size(impossible)
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", 3 * each + 1)
    frames = list(label_frames(bytes(7 * each), SIZE))
    assert [len(frame) for frame in frames] == [3 * each, 3 * each, each]
    reader = SealedReader(7, SIZE)
    for frame in frames:
        assert not reader.complete
        with pytest.raises(ProtocolFault):
            reader.take(frame + b"x")
        reader.take(frame)
    assert reader.complete
    with pytest.raises(ProtocolFault):
        reader.take(bytes(each))
    assert each < MAX_FRAME_BYTES


def test_each_side_that_gives_labels_has_one_for_each_item() -> None:
    made = labelled([1], [1, 2])
    short = replace(made.sender, labels=LaneLabels(SIZE, 0, said(1), BOUND))
    with pytest.raises(EngineFault, match="labels"):
        Lanes(made.receiver, short).machines()
    nothing_back = replace(made.receiver, labels=LaneLabels(BACK, SIZE, reply(1), BOUND))
    with pytest.raises(EngineFault, match="returns nothing"):
        Lanes(nothing_back, made.sender).machines()
