"""Labels of incremental runs by the machines alone: what travels, what stays closed, and what a hostile sender gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from psi_core import native_core
from psi_core.engines.labels import label_frames, opened, sealed_size
from psi_core.engines.oprf.generation import Generation, width_of
from psi_core.engines.oprf.heard import Heard, HeardSoFar
from psi_core.engines.oprf.kept_rows import JoinedRows, PlainRows
from psi_core.engines.oprf.labels import label_keys
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.said import Said, digests
from psi_core.engines.oprf.tag_frames import TagReader, encode_frames
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.session.packed import Packed
from tests.labelled_epoch import BOUND, SIZE, LabelledEpoch, said
from tests.oprf_lanes import items

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")


def labelled(numbers: Sequence[int], version: int = 0) -> dict[int, bytes]:
    return {number: said(number, version) for number in numbers}


def held(epoch: LabelledEpoch) -> tuple[Generation, Generation]:
    assert epoch.ours is not None
    assert epoch.theirs is not None
    return epoch.ours, epoch.theirs


def test_only_labels_that_changed_travel_in_whole_buckets() -> None:
    epoch = LabelledEpoch(bucket=8)
    epoch.run(range(10), labelled(range(5, 100)))
    lengths = []
    for changed in (0, 8, 9):
        ran = epoch.run(range(10), labelled(range(5, 100)) | labelled(range(5, 5 + changed), changed))
        sent = ran.lengths[-1] // sealed_size(SIZE)
        # One more: of the canary, the only tag that comes. What went back to what was said before counts too.
        assert sent == ran.relabelled + 1
        lengths.append((changed, ran.relabelled, sum(ran.lengths[:1])))
    assert [each[1] for each in lengths] == [8, 8, 16]
    assert len({each[2] for each in lengths}) == 1


def test_where_fewer_tags_stay_than_a_bucket_has_all_are_said_again() -> None:
    epoch = LabelledEpoch(bucket=8)
    epoch.run([1], labelled([1, 2]))
    assert epoch.run([1], labelled([1, 2])).relabelled == 2
    assert epoch.run([1], labelled([3])).relabelled == 0
    assert epoch.run([3], labelled([3])).ours.labels[0] == said(3)


def test_a_forged_label_stays_closed_until_it_is_said_anew() -> None:
    epoch = LabelledEpoch(bucket=1)
    epoch.run([1, 2, 3], labelled([1, 2, 3]))

    def forge(frames: list[bytes]) -> list[bytes]:
        """Every label but the canary's: all of them changed."""
        *before, sealed = frames
        rows = native_core.cut(sealed, sealed_size(SIZE))
        return [*before, b"".join(row[:-1] + bytes([row[-1] ^ 1]) for row in rows)]

    ran = epoch.run([1, 2, 3], labelled([1, 2, 3]) | labelled([2], 1), forge)
    assert ran.relabelled == 1
    # The canary's label was forged too; in a session that is a fault.
    assert (tuple(ran.ours.positions or ()), ran.ours.unopened) == ((0, 2), 2)
    assert dict(ran.ours.labels) == {0: said(1), 2: said(3)}
    sender = held(epoch)[1].known.list
    ran = epoch.run([1, 2, 3], {**labelled([1, 2, 3]), **labelled([2], 1), **labelled([3], 1)})
    assert held(epoch)[1].known.list != sender
    assert (ran.ours.unopened, dict(ran.ours.labels)) == (1, {0: said(1), 2: said(3, 1), 3: bytes(SIZE)})
    ran = epoch.run([1, 2, 3], {**labelled([1, 2, 3]), **labelled([2, 3], 2)})
    assert (ran.ours.unopened, len(ran.ours.labels)) == (0, 4)


def test_labels_of_an_incremental_run_may_not_change_places() -> None:
    epoch = LabelledEpoch(bucket=4)
    epoch.run(range(8), labelled(range(8)))

    def forge(frames: list[bytes]) -> list[bytes]:
        rows = native_core.cut(frames[-1], sealed_size(SIZE))
        return [*frames[:-1], b"".join(rows[1:] + rows[:1])]

    ran = epoch.run(range(8), labelled(range(8), 1) | labelled(range(4)), forge)
    assert (ran.ours.count, ran.ours.unopened, ran.relabelled) == (4, 5, 4)


def test_labels_of_what_does_not_match_stay_closed_to_all_that_a_receiver_holds() -> None:
    epoch = LabelledEpoch(bucket=2)
    epoch.run([1, 2], labelled([2, 3, 4]))
    epoch.run([1, 2, 5], labelled([2, 3, 4, 6]))
    ours, _ = held(epoch)
    assert ours.heard is not None
    width = width_of(ours.statement)
    outputs = ours.outputs.rows(range(ours.outputs.count))
    own = set(native_core.cut(native_core.native.oprf_tags(outputs, ours.statement.tag_bits), width))
    others = [tag for tag in native_core.cut(ours.known.list, width) if tag not in own]
    assert len(others) == 3
    for tag, sealed in zip(others, ours.heard.of(others), strict=True):
        for key in native_core.cut(label_keys(outputs, sealed.context, "sent")):
            assert opened(key, BOUND, tag, width, sealed.label, SIZE) == [None]
    # Once one of them is evaluated, what was said of it before opens: a standing query.
    assert epoch.run([1, 2, 5, 3], labelled([2, 3, 4, 6])).ours.labels[3] == said(3)


def test_a_label_opens_under_the_session_that_sent_it_alone() -> None:
    epoch = LabelledEpoch(bucket=1)
    epoch.run([1, 2], labelled([1, 2]))
    epoch.run([1, 2], labelled([1, 2]) | labelled([1], 1))
    ours, _ = held(epoch)
    assert ours.heard is not None
    known = Recalled(ours, items([1]))
    (sealed,) = ours.heard.of([known.tags_of([0])])
    first = LabelledEpoch()._lanes([1], labelled([1]))[0].ctx
    for context, label in ((sealed.context, said(1, 1)), (first, None)):
        key = label_keys(known.outputs_of([0]), context, "sent")
        assert opened(key, BOUND, known.tags_of([0]), width_of(ours.statement), sealed.label, SIZE) == [label]


def tags_again(epoch: LabelledEpoch, tags: Sequence[bytes]) -> list[bytes]:
    """A frame that says these are said again."""
    return list(encode_frames(b"".join(sorted(tags)), epoch.statement.tag_bits))


@pytest.mark.parametrize("which", ["none of the list", "one twice", "one that comes"])
def test_only_tags_of_the_list_are_said_again_and_each_once(which: str) -> None:
    epoch = LabelledEpoch(bucket=2)
    epoch.run(range(4), labelled(range(4)))
    width, before = width_of(epoch.statement), held(epoch)[1].known.list
    first, second = native_core.cut(before, width)[:2]

    def forge(frames: list[bytes]) -> list[bytes]:
        canary = native_core.native.oprf_evaluate(epoch.key.secret, items([1_002])[0])
        coming = native_core.native.oprf_tags(canary, epoch.statement.tag_bits)
        named = {
            "none of the list": [first, bytes(width)],
            "one twice": [second, second],
            "one that comes": [first, coming],
        }[which]
        answer, _, sealed = frames
        return [answer, *tags_again(epoch, named), sealed]

    with pytest.raises(ProtocolFault, match="labels are of tags"):
        epoch.run(range(4), labelled(range(4)), forge)


def test_frames_of_labels_that_are_not_due() -> None:
    epoch = LabelledEpoch(bucket=2)
    epoch.run(range(4), labelled(range(4)))
    for forge in (
        lambda frames: [*frames[:-1], frames[-1] + b"x"],
        lambda frames: [*frames[:-1], frames[-1][: -sealed_size(SIZE)]],
        lambda frames: [frames[0], frames[2], frames[1]],
        lambda frames: [frames[1], frames[2], frames[0]],
    ):
        with pytest.raises(ProtocolFault):
            epoch.run(range(4), labelled(range(4)), forge)


def test_more_labels_changed_than_are_stated() -> None:
    epoch = LabelledEpoch(bucket=1)
    epoch.run(range(4), labelled(range(4)))
    epoch._changes = lambda own, peer: {  # type: ignore[method-assign]
        **LabelledEpoch._changes(epoch, own, peer),
        "relabelled": 2,
    }
    # The peer is told these words, and not how many labels have changed.
    with pytest.raises(EngineFault, match=r"^oprf: lane email has more changed labels than the 2 stated$"):
        epoch.run(range(4), labelled(range(4)) | labelled(range(3), 1))
    epoch._changes = lambda own, peer: {  # type: ignore[method-assign]
        **LabelledEpoch._changes(epoch, own, peer),
        "relabelled": 5,
    }
    with pytest.raises(EngineFault, match="more tags again than stay"):
        epoch.run(range(4), labelled(range(4)))


def test_a_generation_without_labels_or_with_others_is_not_built_on() -> None:
    epoch = LabelledEpoch()
    epoch.run([1], labelled([1]))
    ours, theirs = held(epoch)
    assert (ours.label_size, theirs.label_size) == (SIZE, SIZE)
    epoch.ours = replace(ours, heard=None)
    with pytest.raises(EngineFault, match="other labels than its generation"):
        epoch.run([1], labelled([1]))


def said_again(epoch: LabelledEpoch, peer: dict[int, bytes]) -> set[bytes]:
    """The tags that one more run with number 1 says again."""
    found = set[bytes]()

    def look(frames: list[bytes]) -> list[bytes]:
        tags = TagReader(len(native_core.cut(frames[-1], sealed_size(SIZE))) - 1, epoch.statement.tag_bits)
        tags.take(frames[-2])
        found.update(native_core.cut(tags.tags(), width_of(epoch.statement)))
        return frames

    epoch.run([1], peer, look)
    return found


def test_a_run_that_is_made_again_says_the_same_again_so_that_two_do_not_tell_what_changed() -> None:
    epoch = LabelledEpoch(bucket=16)
    epoch.run([1], labelled(range(200)))
    before = held(epoch)
    changed = labelled(range(200)) | labelled(range(5, 10), 1)
    first = said_again(epoch, changed)
    # The receiver breaks off, or shows the older generation: what both runs say again would be what has changed.
    epoch.ours, epoch.theirs = before
    assert len(first) == 16
    assert said_again(epoch, changed) == first
    # The next generation fills its bucket with others.
    assert len(first & said_again(epoch, changed)) < 16


def test_the_filling_depends_on_the_key_of_the_digests_and_spares_what_is_named() -> None:
    numbers = Packed.of(items(range(100)))
    one, other = Said.first(1, b"x"), Said.first(1, b"x")
    drawn = one.filling(b"generation", numbers, 10, but={3, 4})
    assert len(set(drawn)) == 10
    assert drawn == one.filling(b"generation", numbers, 10, but={3, 4})
    assert set(drawn) != set(other.filling(b"generation", numbers, 10, but={3, 4}))
    assert set(one.filling(b"generation", numbers, 98, but={3, 4})) == set(range(100)) - {3, 4}
    # Places may change: it goes by item.
    assert {numbers[at] for at in drawn} == {
        numbers[99 - at] for at in one.filling(b"generation", Packed.of(reversed(numbers)), 10, but={96, 95})
    }


def test_labels_that_do_not_belong_to_what_is_kept() -> None:
    epoch = LabelledEpoch(bucket=1)
    epoch.run([1, 2], labelled([1, 2]))
    ours, theirs = held(epoch)
    receiver, sender = ours.whole(), theirs.whole()
    assert receiver.heard is not None
    assert sender.said is not None
    heard, given = receiver.heard, sender.said
    for wrong in (
        replace(heard, tags=heard.tags[: -width_of(epoch.statement)]),
        replace(heard, tags=b"".join(native_core.cut(heard.tags, width_of(epoch.statement))[::-1])),
        replace(heard, which=(5).to_bytes(4, "little") * heard.rows.count),
        replace(heard, which=bytes(4)),
        replace(heard, contexts=b""),
    ):
        with pytest.raises(EngineFault, match="damaged"):
            Generation.based_on(epoch.statement, replace(receiver, heard=wrong))
    for wrong_said in (replace(given, digests=given.digests[16:]), replace(given, changed=bytes(16))):
        with pytest.raises(EngineFault, match="damaged"):
            Generation.based_on(epoch.statement, replace(sender, said=wrong_said))
    so_far = HeardSoFar.first(heard, width_of(epoch.statement))
    other = Heard(SIZE + 1, b"", b"", b"", PlainRows(b"", sealed_size(SIZE + 1)))
    for after in (None, other):
        with pytest.raises(EngineFault, match="damaged"):
            so_far.after(after)
    with pytest.raises(EngineFault, match="no label"):
        so_far.of([bytes(width_of(epoch.statement))])
    for said_after in (None, replace(given, key=bytes(32), digests=b""), replace(given, size=1, digests=b"")):
        with pytest.raises(EngineFault, match="damaged"):
            given.after(said_after, 0, theirs.known)


def test_a_base_of_many_sessions_keeps_the_contexts_that_are_used() -> None:
    epoch = LabelledEpoch(bucket=1)
    epoch.run([1], labelled([1, 2, 3]))
    for version in (1, 2, 3):
        epoch.run([1], labelled([1, 2]) | labelled([3], version))
    ours, _ = held(epoch)
    whole = ours.whole().heard
    assert whole is not None
    assert whole.tags == ours.known.list
    # Of the full run (numbers 1 and 2), and of the last one (number 3 and its canary).
    assert len(whole.contexts) == 2 * 32
    assert JoinedRows([whole.rows], sealed_size(SIZE)).count == 4
    assert label_frames(b"", SIZE) is not None
    epoch.shorten()
    assert dict(epoch.run([1, 3], labelled([1, 2]) | labelled([3], 3)).ours.labels) == {
        0: said(1),
        1: said(3, 3),
        2: bytes(SIZE),
    }


def test_digests_are_keyed_and_tell_labels_apart() -> None:
    one, other = Said.first(4, b"highlow "), Said.first(4, b"highlow ")
    assert one.key != other.key
    assert one.digests != other.digests
    assert digests(one.key, 4, b"high") == one.digests[:16]
    assert len(set(native_core.cut(one.digests, 16))) == 2
    assert "key" not in repr(one)
