"""Labels: what the sender says of an item, sealed so that only a receiver whose own item matches can open it.

The key of a label comes from F of the item, which a receiver has only for items that it was allowed to evaluate. It is
never sent, and no tag leads to it: holding all tags and all sealed labels opens none.

    sealed label: nonce (12 bytes), AES-256-GCM of u16be length || label || zeros, all of one size
    key:          HKDF(F(x), "psi-oprf-label/v1", ctx, label version)
    AAD:          agreement, match key, tag

They travel in the order of the sorted tags.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from psi_core import native_core
from psi_core.engines.interface import MAX_FRAME_BYTES
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.tag_frames import tag_bytes
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.kinds.fields import lengths

LABEL_VERSION = 1
MAX_LABEL = 1024
_KEY = 32
_NONCE = 12
_OVERHEAD = _NONCE + 16 + 2


def sealed_size(label_size: int) -> int:
    """Bytes of one sealed label, where the longest label has `label_size` bytes (1 .. 1024)."""
    if not 1 <= label_size <= MAX_LABEL:
        raise EngineFault(f"oprf: labels have 1 to {MAX_LABEL} bytes, {label_size} were asked for")
    return label_size + _OVERHEAD


@dataclass(frozen=True)
class LabelTerms:
    """What labels of one lane and session are bound to. `size`: of the longest label, the same for all."""

    statement: KeyStatement
    ctx: bytes
    size: int

    def keys(self, outputs: bytes) -> list[bytes]:
        """The label keys of packed outputs, 32 bytes each."""
        context = lengths(self.ctx, LABEL_VERSION.to_bytes(2, "big"))
        return native_core.cut(native_core.native.oprf_label_keys(outputs, context), _KEY)

    def bound_to(self, tag: bytes) -> bytes:
        """The additional data of one label."""
        return lengths(bytes.fromhex(self.statement.agreement), self.statement.match_key, tag)


def seal_labels(terms: LabelTerms, outputs: bytes, tags: bytes, labels: Sequence[bytes]) -> bytes:
    """Seal one label for each output and tag (packed, in one order); returns them in the order of sorted tags.

    Raises EngineFault when a label is longer than the terms allow.
    """
    width, size = tag_bytes(terms.statement.tag_bits), sealed_size(terms.size)
    if any(len(label) > terms.size for label in labels):
        raise EngineFault(f"oprf: a label is longer than the {terms.size} bytes that the session allows")
    found = []
    for key, tag, label in zip(terms.keys(outputs), native_core.cut(tags, width), labels, strict=True):
        nonce = secrets.token_bytes(_NONCE)
        padded = len(label).to_bytes(2, "big") + label.ljust(terms.size, b"\0")
        found.append((tag, nonce + AESGCM(key).encrypt(nonce, padded, terms.bound_to(tag))))
    found.sort(key=lambda pair: pair[0])
    sealed = b"".join(each for _, each in found)
    if len(sealed) != size * len(labels):
        raise EngineFault("oprf: sealed labels have other sizes than they must have")
    return sealed


def label_frames(sealed: bytes, label_size: int) -> Iterator[bytes]:
    """Yield the frames of sealed labels, whole labels in each."""
    step = _a_frame(label_size) * sealed_size(label_size)
    yield from (sealed[at : at + step] for at in range(0, len(sealed), step))


def _a_frame(label_size: int) -> int:
    return MAX_FRAME_BYTES // sealed_size(label_size)


@dataclass(frozen=True)
class OpenedLabels:
    """Labels of matches, by position; `dropped` are positions whose label did not open: no matches then.

    A label that does not open and a false tag look the same, so the match is dropped and reported, no more.
    """

    labels: Mapping[int, bytes] = field(repr=False)
    dropped: tuple[int, ...] = field(repr=False)


class LabelReader:
    """Reads one sealed label for each of `total` tags, and opens those of matches."""

    def __init__(self, terms: LabelTerms, total: int) -> None:
        self._terms = terms
        self._size = sealed_size(terms.size)
        self._due = total
        self._parts: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether the last label has arrived."""
        return self._due == 0

    def take(self, frame: bytes) -> None:
        """Take the next frame; raises ProtocolFault unless it has the one length that is due."""
        count = min(_a_frame(self._terms.size), self._due)
        if not count or len(frame) != count * self._size:
            raise ProtocolFault(
                f"oprf: a frame of labels has {len(frame):,} bytes, {count * self._size:,} are due"
            )
        self._due -= count
        self._parts.append(frame)

    def open(self, tags: bytes, matches: Iterable[tuple[int, bytes, bytes]]) -> OpenedLabels:
        """Open the labels of matches, triples of position, output (64 bytes) and tag.

        tags: the sender's, sorted and packed, as its labels are ordered.
        """
        sealed = b"".join(self._parts)
        width = tag_bytes(self._terms.statement.tag_bits)
        given = list(matches)
        wanted = {tag for _, _, tag in given}
        places: dict[bytes, list[int]] = {}
        for place, tag in enumerate(native_core.cut(tags, width)):
            if tag in wanted:
                places.setdefault(tag, []).append(place)
        keys = self._terms.keys(b"".join(output for _, output, _ in given))
        opened: dict[int, bytes] = {}
        for key, (position, _, tag) in zip(keys, given, strict=True):
            labels = (sealed[at * self._size : (at + 1) * self._size] for at in places.get(tag, []))
            label = next(filter(None, (self._open(key, tag, each) for each in labels)), None)
            if label is not None:
                opened[position] = label.value
        dropped = tuple(position for position, _, _ in given if position not in opened)
        return OpenedLabels(opened, dropped)

    def _open(self, key: bytes, tag: bytes, sealed: bytes) -> _Label | None:
        try:
            padded = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], self._terms.bound_to(tag))
        except InvalidTag:
            return None
        length = int.from_bytes(padded[:2], "big")
        if length > self._terms.size or any(padded[2 + length :]):
            return None
        return _Label(padded[2 : 2 + length])


@dataclass(frozen=True)
class _Label:
    value: bytes = field(repr=False)
