"""Claims about one exported log: honest ones are proven, every planted lie is caught where it was planted."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from psi_client.audit import Auditor, Claim, Place, Report, State
from psi_client.audit.claims import ONE_LOG
from psi_client.audit.report import NEEDED
from psi_core.errors import InvalidConfiguration, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.tiles import encode_bundle
from psi_core.log.tree import EMPTY_ROOT

SIGNED = "checkpoint signed"
ENTRIES = "entries unmodified and in order"
TREE = "tree root matches signed checkpoint"
FORM = "entries well-formed"
RECORDS = "records signed"
ORIGIN = "lab-a.example/psi-log"


def audit(lab: Any, folder: Path) -> dict[str, Claim]:
    return by_name(Auditor(lab.verifiers).verify([folder]))


def by_name(report: Report) -> dict[str, Claim]:
    return {claim.name: claim for claim in report.claims}


def states(claims: dict[str, Claim]) -> dict[str, str]:
    return {name: str(claim.state) for name, claim in claims.items()}


@pytest.fixture
def export(lab_a: Any, tmp_path: Path) -> Path:
    lab_a.pad(40)
    lab_a.export(tmp_path / "log")
    return tmp_path / "log"


@pytest.mark.parametrize("size", [0, 1, 40, 255, 256, 257, 600])
def test_an_honest_log_is_proven_at_every_shape_of_tiles(lab_a: Any, tmp_path: Path, size: int) -> None:
    lab_a.pad(size)
    report = Auditor(lab_a.verifiers).verify([lab_a.export(tmp_path / "log")])
    assert [claim.name for claim in report.claims] == list(ONE_LOG)
    unproven = {claim.name for claim in report.claims if claim.state is not State.PROVEN}
    assert unproven == {"append-only since the last audit", "seen by witnesses"}  # nothing was given for them
    assert report.count(State.PROVEN) == len(ONE_LOG) - 2
    report.check()


def test_three_levels_of_tiles(lab_a: Any, tmp_path: Path) -> None:
    for number in range(256 * 256 + 1):
        lab_a.add_bytes(b"%d" % number)
    claims = audit(lab_a, lab_a.export(tmp_path / "log"))
    assert (claims[ENTRIES].state, claims[TREE].state) == (State.PROVEN, State.PROVEN)
    (tmp_path / "log/tile/2/000.p/1").write_bytes(bytes(32))
    changed = audit(lab_a, tmp_path / "log")
    assert (changed[ENTRIES].state, changed[TREE].state) == (State.PROVEN, State.BROKEN)
    assert "tile/2/000.p/1" in changed[TREE].words


def test_lie_altered_entry(lab_a: Any, export: Path) -> None:
    entries = list(lab_a.entries)
    entries[31] = entries[31].replace(b'"rows":31', b'"rows":13')
    (export / "tile/entries/000.p/40").write_bytes(encode_bundle(entries))
    claims = audit(lab_a, export)
    assert states(claims)[ENTRIES] == "broken"
    assert claims[ENTRIES].entries == (Place(log=ORIGIN, position=31),)
    assert claims[SIGNED].state is State.PROVEN


def test_lie_entries_swapped(lab_a: Any, export: Path) -> None:
    entries = list(lab_a.entries)
    entries[3], entries[9] = entries[9], entries[3]
    (export / "tile/entries/000.p/40").write_bytes(encode_bundle(entries))
    claims = audit(lab_a, export)
    assert claims[ENTRIES].state is State.BROKEN
    assert [place.position for place in claims[ENTRIES].entries] == [3, 9]


def test_lie_entry_and_tile_altered_alike(lab_a: Any, export: Path) -> None:
    """A liar who repairs the tile is still caught by the signed root, only not at the entry."""
    lab_a.entries[31] = lab_a.entries[31].replace(b'"rows":31', b'"rows":13')
    liar = type(lab_a)("lab-a.example", 1)
    for entry in lab_a.entries:
        liar.add_bytes(entry)
    checkpoint = (export / "checkpoint").read_bytes()
    liar.export(export)
    (export / "checkpoint").write_bytes(checkpoint)
    claims = audit(lab_a, export)
    assert (claims[ENTRIES].state, claims[TREE].state) == (State.BROKEN, State.BROKEN)
    assert "root" in claims[ENTRIES].words


def test_lie_tail_removed_within_the_named_bundle(lab_a: Any, export: Path) -> None:
    (export / "tile/entries/000.p/40").write_bytes(encode_bundle(lab_a.entries[:31]))
    claims = audit(lab_a, export)
    assert claims[ENTRIES].state is State.BROKEN
    assert claims[ENTRIES].entries == (Place(log=ORIGIN, position=31),)
    assert (claims[TREE].state, claims[FORM].state) == (State.NOT_PROVABLE, State.NOT_PROVABLE)


def test_lie_tail_removed_to_a_shorter_bundle(lab_a: Any, export: Path) -> None:
    (export / "tile/entries/000.p/40").unlink()
    (export / "tile/entries/000.p/31").write_bytes(encode_bundle(lab_a.entries[:31]))
    claims = audit(lab_a, export)
    assert claims[ENTRIES].state is State.BROKEN
    assert claims[ENTRIES].entries == (Place(log=ORIGIN, position=31),)
    assert "entry 31 and all after it are missing" in claims[ENTRIES].words


def test_lie_a_whole_bundle_removed(lab_a: Any, tmp_path: Path) -> None:
    lab_a.pad(600)
    export = lab_a.export(tmp_path / "log")
    (export / "tile/entries/001").unlink()
    claims = audit(lab_a, export)
    assert claims[ENTRIES].entries == (Place(log=ORIGIN, position=256),)
    assert "tile/entries/001 is missing" in claims[ENTRIES].words


def test_lie_tail_removed_and_an_older_checkpoint_is_proven_for_its_size(lab_a: Any, tmp_path: Path) -> None:
    """Rolled back to an honest older state: one log alone cannot show that (audit-brief: witnesses, the peer's log)."""
    lab_a.pad(31)
    lab_a.export(tmp_path / "old")
    assert audit(lab_a, tmp_path / "old")[ENTRIES].state is State.PROVEN


def test_lie_truncated_bundle(lab_a: Any, export: Path) -> None:
    path = export / "tile/entries/000.p/40"
    path.write_bytes(path.read_bytes()[:-1])
    claims = audit(lab_a, export)
    assert claims[ENTRIES].state is State.BROKEN
    assert "in the middle of an entry" in claims[ENTRIES].words


def test_lie_entries_added_behind_the_signed_ones(lab_a: Any, export: Path) -> None:
    path = export / "tile/entries/000.p/40"
    path.write_bytes(path.read_bytes() + encode_bundle([b"more"]))
    claims = audit(lab_a, export)
    assert claims[ENTRIES].state is State.BROKEN
    assert "41 entries" in claims[ENTRIES].words


def test_lie_altered_tile(lab_a: Any, export: Path) -> None:
    path = export / "tile/0/000.p/40"
    content = bytearray(path.read_bytes())
    content[32 * 7] ^= 1
    path.write_bytes(bytes(content))
    claims = audit(lab_a, export)
    assert claims[TREE].state is State.BROKEN
    assert "tile/0/000.p/40" in claims[TREE].words
    assert claims[ENTRIES].state is State.PROVEN


@pytest.mark.parametrize("content", [b"", b"\0" * 31, b"\0" * 32 * 41, b"\0" * 32 * 257])
def test_lie_tile_of_another_length(lab_a: Any, export: Path, content: bytes) -> None:
    (export / "tile/0/000.p/40").write_bytes(content)
    assert audit(lab_a, export)[TREE].state is State.BROKEN


def test_lie_tile_removed(lab_a: Any, export: Path) -> None:
    (export / "tile/0/000.p/40").unlink()
    claims = audit(lab_a, export)
    assert claims[TREE].state is State.BROKEN
    assert "missing" in claims[TREE].words


def test_lie_wrong_key(lab_a: Any, export: Path) -> None:
    stranger = Signer.generate(ORIGIN)
    report = Auditor([stranger.verifier]).verify([export])
    claims = by_name(report)
    assert states(claims)[SIGNED] == "broken"
    assert states(claims)[ENTRIES] == states(claims)[TREE] == "not provable"
    with pytest.raises(VerificationError, match="checkpoint signed is broken"):
        report.check()


def test_lie_whole_log_rewritten_with_an_own_key(lab_a: Any, tmp_path: Path) -> None:
    forger = type(lab_a)("lab-a.example", 77)
    forger.pad(3)
    claims = audit(lab_a, forger.export(tmp_path / "log"))
    assert (claims[SIGNED].state, claims[ENTRIES].state) == (State.BROKEN, State.NOT_PROVABLE)


def test_no_key_for_the_origin_proves_nothing(lab_a: Any, lab_b: Any, export: Path) -> None:
    cosigner = Signer.generate(ORIGIN, COSIGNATURE).verifier
    for verifiers in [lab_b.verifiers, [cosigner]]:
        report = Auditor(verifiers).verify([export])
        assert states(by_name(report))[SIGNED] == "not provable"
        proven = {claim.name for claim in report.claims if claim.state is State.PROVEN}
        assert proven == {FORM, RECORDS, "session texts signed"}  # there are no texts, and form needs no key
        with pytest.raises(VerificationError):
            report.check()


def test_lie_another_size_or_root_in_the_checkpoint(lab_a: Any, export: Path) -> None:
    path = export / "checkpoint"
    honest = path.read_bytes()
    path.write_bytes(honest.replace(b"\n40\n", b"\n39\n"))
    assert audit(lab_a, export)[SIGNED].state is State.BROKEN
    path.write_bytes(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text().encode() + honest[honest.index(b"\n\n") + 1 :])
    assert audit(lab_a, export)[SIGNED].state is State.BROKEN


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff", b"a\n1\nAAAA\n\n", b"x" * 70_000])
def test_lie_no_readable_checkpoint(lab_a: Any, export: Path, content: bytes) -> None:
    (export / "checkpoint").write_bytes(content)
    report = Auditor(lab_a.verifiers).verify([export])
    claims = by_name(report)
    assert claims[SIGNED].state is State.BROKEN
    assert {claim.state for name, claim in claims.items() if name != SIGNED} == {State.NOT_PROVABLE}
    assert claims[SIGNED].logs == (str(export),)


def test_lie_a_checkpoint_of_astronomical_size_ends_soon(lab_a: Any, export: Path) -> None:
    note = Checkpoint(ORIGIN, 2**63 - 1, bytes(32)).signed(lab_a.log_key)
    (export / "checkpoint").write_bytes(note)
    claims = audit(lab_a, export)
    assert claims[SIGNED].state is State.PROVEN
    assert claims[ENTRIES].entries == (Place(log=ORIGIN, position=0),)


def test_lie_signed_entries_that_are_not_canonical(lab_a: Any, tmp_path: Path) -> None:
    lab_a.pad(2)
    honest = lab_a.entries[0]
    for wrong in [honest.replace(b'":', b'": ', 1), honest[:-1] + b',"v":1}', b"\xff", b"[]", b"[" * 60_000]:
        lab_a.add_bytes(wrong)
    claims = audit(lab_a, lab_a.export(tmp_path / "log"))
    assert claims[ENTRIES].state is State.PROVEN
    assert claims[FORM].state is State.BROKEN
    assert [place.position for place in claims[FORM].entries] == [2, 3, 4, 5, 6]


def test_at_most_sixteen_places_are_named(lab_a: Any, tmp_path: Path) -> None:
    for number in range(100):
        lab_a.add_bytes(b"%d" % number)
    claim = audit(lab_a, lab_a.export(tmp_path / "log"))[FORM]
    assert len(claim.entries) == 16
    assert "99 more" in claim.words


def test_links_pipes_and_folders_in_place_of_files(lab_a: Any, export: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    for name, claim in [
        ("checkpoint", SIGNED),
        ("tile/entries/000.p/40", ENTRIES),
        ("tile/0/000.p/40", TREE),
    ]:
        path = export / name
        shutil.move(path, real)
        path.symlink_to(real)
        assert audit(lab_a, export)[claim].state is State.BROKEN
        path.unlink()
        os.mkfifo(path)
        assert audit(lab_a, export)[claim].state is State.BROKEN
        path.unlink()
        path.mkdir()
        assert audit(lab_a, export)[claim].state is State.BROKEN
        path.rmdir()
        shutil.move(real, path)
        assert audit(lab_a, export)[claim].state is State.PROVEN


def test_a_socket_in_place_of_a_file(lab_a: Any, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(export)
    Path("checkpoint").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("checkpoint")
        assert audit(lab_a, export)[SIGNED].state is State.BROKEN


def test_an_oversized_sparse_file_is_not_read(lab_a: Any, export: Path) -> None:
    with (export / "tile/entries/000.p/40").open("r+b") as file:
        file.truncate(2**40)
    claims = audit(lab_a, export)
    assert claims[ENTRIES].state is State.BROKEN
    assert "at most" in claims[ENTRIES].words


def test_lie_a_record_with_a_forged_signature(
    lab_a: Any, lab_b: Any, new_record: Any, tmp_path: Path
) -> None:
    imposter = Signer.generate("lab-b.example")
    record = new_record(lab_a, lab_b, 1)
    honest = record.signed(lab_a.document, lab_b.document)
    lab_a.add_note(honest)
    forged = new_record(lab_a, lab_b, 2).signed(lab_a.document, imposter)
    lab_a.add_note(forged)
    export = lab_a.export(tmp_path / "log")
    keys = (*lab_a.verifiers, *lab_b.verifiers)
    # The imposter's key id is unknown: not proven. With lab-b's own key id over other words: broken.
    assert by_name(Auditor(keys).verify([export]))[RECORDS].state is State.NOT_PROVABLE
    lab_a.add_note(honest.replace(b'"counter":1', b'"counter":3').replace(b"0" * 31 + b"1", b"0" * 31 + b"3"))
    claim = by_name(Auditor(keys).verify([lab_a.export(tmp_path / "log2")]))[RECORDS]
    assert claim.state is State.BROKEN
    assert claim.entries == (Place(log=ORIGIN, position=2),)


def test_records_need_both_document_keys(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, tmp_path: Path
) -> None:
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    lab_a.add_note(new_record(lab_a, lab_b, 2).signed(lab_a.document))
    export = lab_a.export(tmp_path / "log")
    alone = by_name(Auditor(lab_a.verifiers).verify([export]))[RECORDS]
    assert (alone.state, "document keys" in alone.words) == (State.NOT_PROVABLE, True)
    both = by_name(Auditor((*lab_a.verifiers, *lab_b.verifiers)).verify([export]))[RECORDS]
    assert (both.state, both.words) == (State.PROVEN, "1 record by both labs, 1 by one so far")


@pytest.mark.parametrize("body", [{}, {"note": None}, {"note": 5}, {"note": "x"}, {"note": ["x"]}])
def test_lie_an_entry_named_record_that_holds_none(lab_a: Any, tmp_path: Path, body: dict[str, Any]) -> None:
    lab_a.add(EntryKind.RECORD, body)
    claim = audit(lab_a, lab_a.export(tmp_path / "log"))[RECORDS]
    assert claim.state is State.BROKEN
    assert claim.entries == (Place(log=ORIGIN, position=0),)


def test_lie_two_records_of_one_session(lab_a: Any, lab_b: Any, new_record: Any, tmp_path: Path) -> None:
    for period in (1, 2):
        lab_a.add_note(new_record(lab_a, lab_b, 1, period=period).signed(lab_a.document, lab_b.document))
    claim = audit(lab_a, lab_a.export(tmp_path / "log"))[RECORDS]
    assert claim.state is State.BROKEN
    assert "different records of one session" in claim.words


def test_needed_claims_are_in_the_table() -> None:
    assert set(ONE_LOG) >= NEEDED


def test_folders_that_are_none(lab_a: Any, export: Path, tmp_path: Path) -> None:
    for folders in [
        [],
        [tmp_path / "absent"],
        [export / "checkpoint"],
        [export, export / "."],
        [export] * 17,
    ]:
        with pytest.raises(InvalidConfiguration):
            Auditor(lab_a.verifiers).verify(folders)


def test_an_empty_folder_is_a_broken_export_and_no_error(lab_a: Any, tmp_path: Path) -> None:
    claims = audit(lab_a, tmp_path)
    assert claims[SIGNED].state is State.BROKEN
    assert "checkpoint is missing" in claims[SIGNED].words


def test_the_report_is_plain_data(lab_a: Any, export: Path) -> None:
    report = Auditor(lab_a.verifiers).verify([export])
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert report.model_dump(mode="json")["claims"][0] == {
        "name": SIGNED,
        "logs": [ORIGIN],
        "state": "proven",
        "words": "a checkpoint of 40 entries",
        "entries": [],
    }
