"""Labels of engine `oprf`: keys come from F(x), which a receiver has only for items that it was allowed to evaluate.

    label key:  HKDF(F(x), "psi-oprf-label/v1", context)
    context:    ctx of the session, label version, which way the label goes (with the tags, or returned)

The sender's labels follow its tags, in the order of the sorted tags. In an incremental run those of tags that come, and
of some that stay, follow the answers (`relabelling`, `hearing`); the receiver keeps all as they came, with their ctx
(`heard`). With direction `both` the receiver's follow the values that it returns, in their order, and random bytes
stand behind the values that are padding.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from psi_core import native_core
from psi_core.engines.interface import LaneLabels
from psi_core.engines.labels import OVERHEAD, label_frames, opened, seal
from psi_core.engines.oprf.heard import Sealed
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES
from psi_core.engines.oprf.return_frames import RETURN_BYTES, padding_of, value_frames
from psi_core.kinds.fields import lengths

LABEL_VERSION = 1
Way = Literal["sent", "returned"]


@dataclass(frozen=True)
class Opened:
    """Labels of matches by their position, and the positions whose label did not open."""

    labels: dict[int, bytes] = field(repr=False)
    closed: tuple[int, ...] = field(repr=False)


def label_keys(outputs: bytes, ctx: bytes, way: Way) -> bytes:
    """The label keys of packed outputs (64 bytes each), 32 bytes each. Never sent."""
    context = lengths(ctx, LABEL_VERSION.to_bytes(2, "big"), way)
    return native_core.native.oprf_label_keys(outputs, context)


def sealed_by_tag(
    labels: LaneLabels, ctx: bytes, outputs: bytes, tags: bytes, width: int, own: bytes
) -> bytes:
    """Seal one label for each output and tag (all packed, in one order); in the order of the sorted tags."""
    each = native_core.cut(tags, width)
    order = sorted(range(len(each)), key=each.__getitem__)
    keys = native_core.cut(label_keys(outputs, ctx, "sent"))
    said = native_core.cut(own, labels.sent)
    return seal(
        b"".join(keys[at] for at in order),
        labels.bound_to,
        b"".join(each[at] for at in order),
        width,
        b"".join(said[at] for at in order),
        labels.sent,
    )


def places_of(wanted: Sequence[bytes], ordered: bytes, width: int) -> list[int]:
    """Where values (each of them is there) first stand in a packed sorted list."""
    view = _Packed(ordered, width)
    return [bisect_left(view, value) for value in wanted]


def open_matches(
    labels: LaneLabels,
    keys: bytes,
    wanted: Sequence[bytes],
    sealed: bytes,
    positions: Sequence[int],
) -> Opened:
    """Open the labels of matches: keys, tags, sealed labels and positions in one order."""
    if not positions:
        return Opened({}, ())
    found = opened(keys, labels.bound_to, b"".join(wanted), len(wanted[0]), sealed, labels.received)
    each = dict(zip(positions, found, strict=True))
    return Opened(
        {position: label for position, label in each.items() if label is not None},
        tuple(position for position, label in each.items() if label is None),
    )


def open_heard(
    labels: LaneLabels,
    outputs: bytes,
    wanted: Sequence[bytes],
    heard: Sequence[Sealed],
    positions: Sequence[int],
) -> Opened:
    """Open labels that several sessions sent: outputs (packed), tags, labels and positions in one order."""
    sent_in: dict[bytes, list[int]] = {}
    for at, each in enumerate(heard):
        sent_in.setdefault(each.context, []).append(at)
    found, closed = dict[int, bytes](), list[int]()
    for context, places in sent_in.items():
        keys = label_keys(b"".join(output_at(outputs, at) for at in places), context, "sent")
        sealed = b"".join(heard[at].label for at in places)
        which = [positions[at] for at in places]
        opened = open_matches(labels, keys, [wanted[at] for at in places], sealed, which)
        found |= opened.labels
        closed += opened.closed
    return Opened(found, tuple(sorted(closed)))


def returned_frames(
    labels: LaneLabels, ctx: bytes, outputs: Sequence[bytes], own: Sequence[bytes]
) -> Iterator[bytes]:
    """Yield the frames of returned values of matches (their outputs and our labels given), and of the labels."""
    packed = b"".join(outputs)
    values = native_core.cut(native_core.native.oprf_return_values(packed, ctx), RETURN_BYTES)
    sealed = (
        seal(
            label_keys(packed, ctx, "returned"),
            labels.bound_to,
            b"".join(values),
            RETURN_BYTES,
            b"".join(own),
            labels.sent,
        )
        if values
        else b""
    )
    rows = list(zip(values, native_core.cut(sealed, labels.sent + OVERHEAD), strict=True))
    rows += [
        (value, secrets.token_bytes(labels.sent + OVERHEAD))
        for value in native_core.cut(padding_of(len(values)), RETURN_BYTES)
    ]
    rows.sort()
    yield from value_frames(b"".join(value for value, _ in rows))
    yield from label_frames(b"".join(label for _, label in rows), labels.sent)


def output_at(outputs: bytes, place: int) -> bytes:
    """One of packed outputs."""
    return outputs[place * OUTPUT_BYTES : (place + 1) * OUTPUT_BYTES]


class _Packed(Sequence[bytes]):
    """A packed list as a sequence, for bisect."""

    def __init__(self, data: bytes, width: int) -> None:
        self._data = data
        self._width = width

    def __len__(self) -> int:
        return len(self._data) // self._width

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override] # no slices are taken
        return self._data[at * self._width : (at + 1) * self._width]
