"""What a generation knows of one lane's items, and what the run learns of the others."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Sequence
from functools import cached_property

from psi_core import native_core
from psi_core.engines.oprf.generation import Generation, width_of
from psi_core.engines.oprf.heard import Heard
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES
from psi_core.engines.oprf.said import Said
from psi_core.engines.oprf.segment import Facts, Left, segment_of
from psi_core.errors import EngineFault
from psi_core.session.packed import NOWHERE, Packed


class Recalled:
    """The items of one lane (in lane order) as a generation knows them.

    unknown: places of items that it has no output of, ascending.
    digests: of the items' labels (16 bytes each), once they were compared with what was said before.
    """

    def __init__(self, generation: Generation, items: Sequence[bytes], begun: Recalled | None = None) -> None:
        """Look every item up; raises EngineFault when two are equal.

        begun: of the same generation, and of the first of these items, which are not looked up again.
        """
        self._generation = generation
        self._items = Packed.of(items)
        known = generation.known
        try:
            self._found: native_core.native.OprfRecalled = (
                known.recall(self._items.buffer)
                if begun is None
                else known.recall_more(begun._found, self._items.buffer)
            )
        except ValueError as fault:
            raise EngineFault(f"oprf: the lane is no set: {fault}") from None
        self.unknown = native_core.positions(self._found.unknown)
        self.digests = b""
        self._outputs = b""
        self._tags = b""

    @property
    def items(self) -> Packed:
        """The items, in lane order."""
        return self._items

    @property
    def gone(self) -> int:
        """How many items of the generation are not in the lane."""
        return len(self._found.gone) // 4

    def gone_tags(self) -> bytes:
        """Their tags, packed."""
        return self._generation.known.tags(self._found.gone)

    def items_at(self, places: Sequence[int]) -> bytes:
        """Items of the lane at these places, packed."""
        return b"".join([self._items[place] for place in places])

    def known_at_random(self, count: int) -> list[int]:
        """Places of so many known items (or of all, if there are fewer), drawn at random."""
        passed, total = set(self.unknown), len(self._items)
        chance, drawn = secrets.SystemRandom(), set[int]()
        if 2 * count >= total - len(passed):
            known = [at for at in range(total) if at not in passed]
            return chance.sample(known, min(count, len(known)))
        while len(drawn) < count:
            drawn |= {at for at in (chance.randrange(total),) if at not in passed}
        return list(drawn)

    def learn(self, outputs: bytes) -> None:
        """Take the outputs of all unknown items, 64 bytes each, in their order."""
        self._outputs = outputs
        self._tags = native_core.native.oprf_tags(outputs, self._generation.statement.tag_bits)

    @property
    def new_tags(self) -> bytes:
        """Tags of the unknown items, in their order, once they are learnt."""
        return self._tags

    def matches(self, tags: bytes) -> array[int]:
        """Places, ascending, of the items whose tag is among the sender's sorted `tags`."""
        return native_core.numbers(self._generation.known.matches(self._found, self._tags, tags))

    def tags_of(self, places: Sequence[int]) -> bytes:
        """Tags of the items at these places, packed."""
        width = width_of(self._generation.statement)
        known = [at for at in places if self.rows[at] != NOWHERE]
        rows = memoryview(array("I", [self.rows[at] for at in known])).cast("B")
        kept = self._generation.known.tags(bytes(native_core.little_endian(rows)))
        return self._joined(places, kept, self._tags, width)

    def outputs_of(self, places: Sequence[int]) -> bytes:
        """Outputs of the items at these places, packed."""
        known = [at for at in places if self.rows[at] != NOWHERE]
        kept = self._generation.outputs.rows([self.rows[at] for at in known])
        return self._joined(places, kept, self._outputs, OUTPUT_BYTES)

    def _joined(self, places: Sequence[int], kept: bytes, learnt: bytes, width: int) -> bytes:
        """Values of `width` bytes of these places: `kept` of the known ones, `learnt` of all unknown items."""
        first = len(kept) // width
        known = iter(range(first))
        new = {place: first + at for at, place in enumerate(self.unknown)}
        order = array("I", (new[place] if place in new else next(known) for place in places))
        view = native_core.little_endian(memoryview(order).cast("B"))
        return native_core.native.gather(kept + learnt, width, view)

    def returned(self, values: bytes, context: bytes, width: int) -> list[int]:
        """Places of the items whose return value for `context` is among sorted `values` of `width` bytes."""
        native = native_core.native
        places = array("I", [NOWHERE]) * self._generation.outputs.count
        for place, row in enumerate(self.rows):
            if row != NOWHERE:
                places[row] = place
        found = []
        for first, block in self._generation.outputs.blocks():
            own = native.oprf_return_values(block, context)
            rows = native_core.positions(native.oprf_matches(own, values, width))
            found += [places[first + at] for at in rows if places[first + at] != NOWHERE]
        own = native.oprf_return_values(self._outputs, context)
        new = native_core.positions(native.oprf_matches(own, values, width))
        return sorted(found + [self.unknown[at] for at in new])

    @cached_property
    def rows(self) -> array[int]:
        """Of each item its row in the generation; `NOWHERE`: it is unknown."""
        return native_core.numbers(self._found.rows)

    def left(
        self,
        facts: Facts,
        leaving: bytes,
        coming: bytes,
        tags: bytes,
        *,
        said: Said | None = None,
        heard: Heard | None = None,
    ) -> Left:
        """What the run leaves. `tags`: the sender's whole list after it, of which `leaving` left and `coming` came.

        said: digests of the unknown items' labels, in their order. heard: the labels that came.
        """
        statement = self._generation.statement
        segment = segment_of(
            facts,
            statement,
            self.items_at(self.unknown),
            self._outputs,
            gone=self._generation.known.items(self._found.gone),
            leaving=leaving,
            coming=coming,
            said=said,
            heard=heard,
        )
        return Left(facts.name(statement, tags), segment)
