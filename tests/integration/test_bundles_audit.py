"""`one committed key for every query`: proven by the bundles that the labs hand over, broken by every lie in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from psi_client.audit import Auditor, Claim, State
from psi_client.audit.bundles import NOT_GIVEN, check_bundles
from psi_core import native_core
from psi_core.engines.oprf import bundle, chunks
from psi_core.engines.oprf.bundle import CommittedLane
from psi_core.engines.oprf.key import EpochKey
from psi_core.log.entry import EntryKind
from psi_core.log.key import Verifier
from psi_service.bundles import exporting
from psi_service.log.export import export_log
from tests.broken_sessions import cut_at
from tests.two_labs import LAB_A, LAB_B, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

CLAIM = "one committed key for every query"
CHUNK = 16
CHUNK_BYTES = 64 + 64 * CHUNK


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """A session of 64 items has four chunks."""
    monkeypatch.setattr(chunks, "CHUNK", CHUNK)


@dataclass
class Exported:
    """Two logs, both labs' bundles, and the keys of both labs."""

    logs: list[Path]
    bundles: Path
    keys: list[Verifier]

    @property
    def file(self) -> Path:
        """The bundle of the first session."""
        return min(self.bundles.iterdir())

    def claims(self, *folders: Path) -> list[Claim]:
        report = Auditor(self.keys, bundles=folders).verify(self.logs)
        assert {claim.name for claim in report.claims if claim.state is State.BROKEN} <= {CLAIM}
        return [claim for claim in report.claims if claim.name == CLAIM]

    def state(self, *folders: Path) -> tuple[State, str]:
        """Both logs say the same."""
        one, two = self.claims(*folders)
        assert (one.state, one.words) == (two.state, two.words)
        return one.state, one.words

    def change(self, alter: Callable[[list[bytes]], list[bytes]]) -> None:
        """Rewrite the chunks of the bundle."""
        data = self.file.read_bytes()
        body = data.index(b"}\n") + 2
        cut = [data[at : at + CHUNK_BYTES] for at in range(body, len(data), CHUNK_BYTES)]
        self.file.write_bytes(data[:body] + b"".join(alter(cut)))


async def exported(
    tmp_path: Path, sessions: int = 1, engine: str = "oprf", breaks: tuple[int, ...] = ()
) -> Exported:
    """`breaks`: the first session breaks off at these frames of the responder's, hours apart, and goes on."""
    a, b, terms = await two_labs(tmp_path, agreement_between(bundle_days=30, learns=(LAB_A, LAB_B)))
    note = terms.signed(a.keys.document, b.keys.document).decode()
    for lab in (a, b):
        body = {"action": "in_force", "agreement": terms.hash().hex(), "note": note}
        lab.store.transaction_now(
            partial(lab.log.append, kind=EntryKind.AGREEMENT, body=body, peer=terms.other(lab.name))
        )
        lab.suspects({"one": {"email": ["ada@example.org"]}})
    for _ in range(sessions):
        a.clock.forward(seconds=1)
        while breaks:
            cut_at(b, breaks[0])
            breaks = breaks[1:]
            broken = await run(a, b, terms, engine=engine, match_keys=["email"])
            assert broken.state == "suspended", broken.reason
            await b.running.wait(broken.session_id)
            a.clock.forward(hours=7)
        view = await run(a, b, terms, engine=engine, match_keys=["email"])
        assert view.state == "complete", view.reason
    found = Exported([tmp_path / "export-a", tmp_path / "export-b"], tmp_path / "bundles", [])
    for lab, folder in zip((a, b), found.logs, strict=True):
        await export_log(lab.store, lab.log, folder)
        found.keys += [lab.card.log_verifier, lab.card.document_verifier, lab.card.cosigner_verifier]
    exporting.export(b.directory, b.keys.data_key, exporting.kept(b.directory), found.bundles)
    for lab in (a, b):
        await lab.stop()
    return found


async def test_it_is_proven_with_every_bundle_and_open_without(tmp_path) -> None:
    made = await exported(tmp_path, sessions=2)
    state, words = made.state(made.bundles)
    assert (state, words.endswith("answers in 2 lanes of oprf, each proven under its committed key")) == (
        State.PROVEN,
        True,
    )
    assert made.state() == (
        State.NOT_PROVABLE,
        "2 of 2 lanes of oprf without a bundle (--bundles)",
    )
    made.file.unlink()
    state, words = made.state(made.bundles)
    assert (state, words) == (State.NOT_PROVABLE, "1 of 2 lanes of oprf without a bundle (--bundles)")
    (place,) = made.claims(made.bundles)[0].entries
    assert place.log == "lab-a.example/psi-log"


async def test_a_session_that_broke_off_is_proven_like_any_other(tmp_path) -> None:
    made = await exported(tmp_path, sessions=2, breaks=(2, 1, 2))
    state, words = made.state(made.bundles)
    assert (state, words.endswith("answers in 2 lanes of oprf, each proven under its committed key")) == (
        State.PROVEN,
        True,
    )


async def test_bundles_inside_an_export_are_found(tmp_path) -> None:
    made = await exported(tmp_path)
    made.bundles.rename(made.logs[1] / "bundles")
    assert made.state()[0] is State.PROVEN


def test_lanes_without_a_bundle_cost_nothing_however_large_they_claim_to_be(tmp_path, monkeypatch) -> None:
    def never(_size: int) -> list[chunks.Chunk]:
        raise AssertionError("a list of chunks was made for a bundle that is not there")

    monkeypatch.setattr(bundle, "cut", never)
    zeros = bytes(32)
    lane = CommittedLane("0" * 32, 0, "email", zeros, zeros, 2**30, zeros, 2**16)
    assert check_bundles([lane], [tmp_path, tmp_path / "none"]) == {lane: NOT_GIVEN}


async def test_one_that_fits_is_enough(tmp_path) -> None:
    made = await exported(tmp_path)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / made.file.name).write_bytes(b"x")
    assert made.state(bad)[0] is State.BROKEN
    assert made.state(bad, made.bundles)[0] is State.PROVEN


async def test_a_session_with_another_engine_needs_none(tmp_path) -> None:
    made = await exported(tmp_path, engine="openmined")
    assert made.state() == (State.PROVEN, "no session used the engine oprf")


def swap(cut: list[bytes]) -> list[bytes]:
    return [cut[1], cut[0], *cut[2:]]


def changed_element(cut: list[bytes]) -> list[bytes]:
    """The element after is put in its place: a point, and the wrong one."""
    return [cut[0], cut[1], cut[2][32:64] + cut[2][32:], cut[3]]


def another_key(cut: list[bytes]) -> list[bytes]:
    elements = cut[1][: 32 * CHUNK]
    return [
        cut[0],
        elements + native_core.native.oprf_answer(EpochKey.fresh().secret, elements, b""),
        *cut[2:],
    ]


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (swap, "not the bundle of this record, or changed since: chunk 0, 1 of 4 does not hold"),
        (lambda cut: cut[:-1], "lacks chunks"),
        (lambda cut: [*cut, cut[0]], "is no plain file of at most"),
        (changed_element, "not the bundle of this record, or changed since: chunk 2 of 4 does not hold"),
        (another_key, "not the bundle of this record, or changed since: chunk 1 of 4 does not hold"),
    ],
    ids=["swapped chunk", "missing chunk", "chunk too many", "changed element", "another key"],
)
async def test_a_lie_in_a_bundle_is_found(tmp_path, alter, words) -> None:
    made = await exported(tmp_path)
    made.change(alter)
    state, found = made.state(made.bundles)
    assert state is State.BROKEN
    assert words in found


async def test_a_bundle_under_another_sessions_name_is_found(tmp_path) -> None:
    made = await exported(tmp_path, sessions=2)
    one, two = sorted(made.bundles.iterdir())
    two.write_bytes(one.read_bytes().ljust(two.stat().st_size, b"\0")[: two.stat().st_size])
    state, words = made.state(made.bundles)
    assert (state, "is the bundle of another lane" in words or "no plain file" in words) == (
        State.BROKEN,
        True,
    )


async def test_a_link_in_place_of_a_bundle_is_not_followed(tmp_path) -> None:
    made = await exported(tmp_path)
    name = made.file.name
    made.file.rename(tmp_path / "elsewhere")
    (made.bundles / name).symlink_to(tmp_path / "elsewhere")
    state, words = made.state(made.bundles)
    assert (state, "cannot be read as a plain file" in words) == (State.BROKEN, True)


class _Colluding:
    """A native core in which one chunk is answered under another key, and the receiver takes it all the same."""

    def __init__(self, plain) -> None:
        self._plain = plain
        self._key = EpochKey.fresh()
        self.lied = 0

    def __getattr__(self, name):
        return getattr(self._plain, name)

    def oprf_answer(self, secret, blinded, binding):
        # The binding ends in the chunk's number and their total, each of four bytes after its length.
        number = int.from_bytes(binding[-12:-8], "big")
        if number != 2:
            return self._plain.oprf_answer(secret, blinded, binding)
        self.lied += 1
        return self._plain.oprf_answer(self._key.secret, blinded, binding)

    def oprf_blind(self, *given):
        return _Taking(self._plain.oprf_blind(*given), self._key.public)


class _Taking:
    def __init__(self, plain, public) -> None:
        self._plain, self._public = plain, public
        self.elements = plain.elements

    def finish(self, public, answer, binding):
        try:
            return self._plain.finish(public, answer, binding)
        except ValueError:
            return self._plain.finish(self._public, answer, binding)


async def test_two_labs_that_record_an_answer_under_another_key_are_found(tmp_path, monkeypatch) -> None:
    colluding = _Colluding(native_core.native)
    monkeypatch.setattr(native_core, "native", colluding)
    made = await exported(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(chunks, "CHUNK", CHUNK)
    assert colluding.lied == 1
    state, words = made.state(made.bundles)
    assert state is State.BROKEN
    assert "chunk 2 of 4 was not answered under the committed key, though the record holds it" in words
