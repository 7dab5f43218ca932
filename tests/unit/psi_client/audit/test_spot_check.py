"""A spot check against an exported log: what must be in the log for a challenge and its answer to hold."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from psi_client.audit.folder import LogFolder
from psi_client.audit.spot_check import SpotCheck, check_openings, make_challenge
from psi_core.errors import InvalidConfiguration, InvalidSignature, InvalidText, VerificationError
from psi_core.log.entry import EntryKind
from psi_core.log.key import COSIGNATURE, Signer, Verifier
from psi_core.session.challenge import Challenge
from psi_core.session.items import dummy
from psi_core.session.opening import Lane
from psi_core.session.openings import Openings, answered, rebuild
from psi_core.session.snapshot import Members, freeze
from tests.logged_labs import Lab, Session, a_year_of, cosign, session

WITNESS = Signer.from_seed("witness.example", bytes([9]) * 32, COSIGNATURE)
NONCE = "5" * 64
MEMBERS = Members.of(
    (dummy(salt), salt, True) for salt in (hashlib.sha256(b"%d" % n).digest()[:16] for n in range(112))
)
ROOT = freeze("email", MEMBERS, 128).root.hex()


@dataclass
class World:
    """lab-a's log with one session whose snapshot can be opened, exported with a witness's cosignature."""

    lab: Lab
    folder: Path
    entry: int
    keys: Sequence[Verifier]

    def ask(self, **changes: Any) -> Challenge:
        asked: dict[str, Any] = {"entry": self.entry, "nonce": NONCE, "count": 16, **changes}
        return make_challenge(LogFolder(self.folder), self.keys, **asked)

    def check(self, asked: Challenge, given: Openings | None = None, folder: Path | None = None) -> SpotCheck:
        answer = given or answer_to(asked, self.lab.document)
        return check_openings(asked, answer, LogFolder(folder or self.folder), self.keys)


def answer_to(asked: Challenge, key: Signer) -> Openings:
    return answered(asked, rebuild(asked, MEMBERS), key, created="2026-11-24T10:00:00Z", disclose=True)


def build(
    folder: Path,
    *,
    change: Callable[[Session, Lab], Session] = lambda it, _: it,
    root: str = ROOT,
    witness: Callable[[Lab], Signer] = lambda _: WITNESS,
) -> World:
    lab, other = Lab("lab-a.example", 1), Lab("lab-b.example", 11)
    terms = a_year_of(lab, other)
    lane = Lane(
        match_key="email",
        engine="openmined",
        variant="semi-honest",
        padded_size=128,
        snapshot=root,
        parameters={},
    )
    ran = session(lab, other, terms, 1, size=128, offer={"lanes": (lane,)})
    entry = change(ran, lab).write()[lab.name, "snapshot"]
    lab.export(folder)
    (folder / "checkpoint").write_bytes(cosign(lab.checkpoint(), witness(lab)))
    return World(lab, folder, entry, [*lab.verifiers, lab.cosigner.verifier, WITNESS.verifier])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path / "export")


def test_an_honest_answer_holds(world: World) -> None:
    asked = world.ask()
    found = world.check(Challenge.read(asked.text().encode()))
    assert (found.lab, found.entry, found.used) == ("lab-a.example", world.entry, world.entry + 1)
    assert (found.leaves, found.drawn, found.dummies, found.items) == (112, 16, 16, 0)
    assert found.witnesses == ("witness.example",)
    assert world.ask() == asked


def test_an_older_challenge_is_checked_with_a_later_export(world: World, tmp_path: Path) -> None:
    asked = world.ask()
    world.lab.pad(300)
    world.check(asked, folder=world.lab.export(tmp_path / "later"))


def test_the_newest_cosigned_checkpoint_stands_beside_the_export(world: World, tmp_path: Path) -> None:
    seen = cosign(world.lab.checkpoint(), WITNESS)
    world.lab.pad(3)
    world.folder = world.lab.export(tmp_path / "later")
    with pytest.raises(VerificationError, match="no witness"):
        world.ask()
    (world.folder / "cosigned").write_bytes(seen)
    assert world.ask().checkpoint == seen.decode()


def test_a_lab_is_no_witness_of_itself(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="no witness"):
        build(tmp_path / "export", witness=lambda lab: lab.cosigner).ask()


def test_a_checkpoint_that_was_cosigned_before_the_snapshot(tmp_path: Path) -> None:
    early = Lab("lab-a.example", 1)
    early.pad(2)
    world = build(tmp_path / "export")
    with pytest.raises(InvalidConfiguration, match="is no snapshot"):
        world.ask(entry=world.entry + 1)
    asked = world.ask().model_copy(update={"checkpoint": cosign(early.checkpoint(), WITNESS).decode()})
    with pytest.raises(VerificationError, match="changed or forked"):
        world.check(asked, answer_to(asked, world.lab.document))


def test_more_leaves_than_the_set_has(world: World) -> None:
    with pytest.raises(InvalidText, match="112 leaves"):
        world.ask(count=113)
    for wrong in ({"nonce": "5"}, {"count": 129}):
        with pytest.raises(InvalidText):
            world.ask(**wrong)


def test_a_challenge_without_a_valid_cosignature(world: World) -> None:
    asked = world.ask()
    for note in (world.lab.checkpoint(), cosign(world.lab.checkpoint(), Signer.generate("w", COSIGNATURE))):
        changed = asked.model_copy(update={"checkpoint": note.decode()})
        with pytest.raises(VerificationError, match="no witness"):
            world.check(changed)
    encoded = asked.checkpoint.split()[-1]
    signature = bytearray(base64.b64decode(encoded))
    signature[-1] ^= 1
    forged = asked.checkpoint.replace(encoded, base64.b64encode(signature).decode())
    with pytest.raises(InvalidSignature):
        world.check(asked.model_copy(update={"checkpoint": forged}))


def test_another_snapshot_of_the_log(world: World) -> None:
    asked = world.ask()
    for change in ({"commitment": "b" * 64}, {"match_key": "phone"}, {"session_id": "0" * 32}):
        changed = asked.model_copy(update=change)
        with pytest.raises(VerificationError, match="another snapshot"):
            world.check(changed, answer_to(asked, world.lab.document))


def test_a_snapshot_that_was_committed_after_its_session(tmp_path: Path) -> None:
    world = build(tmp_path / "export", change=lambda ran, lab: ran.last(lab, "snapshot"))
    with pytest.raises(VerificationError, match="used the set before"):
        world.check(world.ask())


def test_a_snapshot_that_no_session_used(tmp_path: Path) -> None:
    world = build(tmp_path / "export", change=lambda ran, lab: ran.without(lab, "offer"))
    with pytest.raises(VerificationError, match="no session of this log uses"):
        world.check(world.ask())


def test_a_log_that_was_changed_afterwards(world: World) -> None:
    asked = world.ask()
    (bundle,) = (each for each in (world.folder / "tile/entries").rglob("*") if each.is_file())
    bundle.write_bytes(bundle.read_bytes().replace(ROOT.encode(), b"c" * 64, 1))
    with pytest.raises(VerificationError, match="not proven"):
        world.check(asked)
    with pytest.raises(VerificationError, match="not proven"):
        world.ask()


def test_keys_decide_whose_signature_counts(world: World) -> None:
    asked = world.ask()
    with pytest.raises(InvalidSignature):
        world.check(asked, answer_to(asked, Signer.generate("lab-a.example")))
    with pytest.raises(InvalidConfiguration, match="no document key"):
        World(world.lab, world.folder, world.entry, [world.lab.log_key.verifier, WITNESS.verifier]).check(
            asked
        )


def test_other_entries_are_no_snapshots(world: World) -> None:
    world.lab.add(EntryKind.ADMIN, {"action": "import"})
    for entry in (0, len(world.lab.entries), 10**6):
        with pytest.raises(InvalidConfiguration, match=rf"the newest are {world.entry} \(email\)"):
            world.ask(entry=entry)
