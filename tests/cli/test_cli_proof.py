"""`psi-node log proof` and `psi audit proof`: one entry, checked offline, and every lie about it refused."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from psi_client.node_client import NodeClient
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.log.proof import TlogProof
from tests.commands import run_psi, run_psi_node
from tests.two_nodes import Place, places

WITNESS = Signer.from_seed("witness.example", bytes([9]) * 32, COSIGNATURE)


@pytest.fixture
def proven(tmp_path: Path) -> tuple[Path, Path]:
    """The proof of the entry with a node's card, and a KEYS file."""
    a, _ = asyncio.run(places(tmp_path))
    return made(a, tmp_path), keys_of(a, tmp_path)


def made(place: Place, folder: Path) -> Path:
    file = folder / "card.tlog-proof"
    done = run_psi_node("log", "proof", "1", "--out", file, "--data", place.data_dir, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"file": str(file), "position": 1, "bytes": file.stat().st_size}
    return file


def keys_of(place: Place, folder: Path) -> Path:
    keys = folder / "keys.txt"
    keys.write_text(run_psi("audit", "keys", place.data_dir / "card").stdout)
    return keys


def test_an_entry_proves_itself(proven: tuple[Path, Path], tmp_path: Path) -> None:
    file, keys = proven
    done = run_psi("audit", "proof", file, "--keys", keys, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["log"], found["position"], found["kind"]) == ("lab-a.example/psi-log", 1, "card")
    assert found["body"]["note"] == (tmp_path / "lab-a.example" / "card").read_text()
    shown = run_psi("audit", "proof", file, "--keys", keys).stdout
    assert "proven: entry 1 of lab-a.example/psi-log" in shown


async def test_a_running_node_writes_it_too(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)
    async with a.running():
        given = await a.ask(lambda client: client.log_proof(0))
        size = (await a.ask(NodeClient.log))["size"]
    proof = TlogProof.parse(given)
    assert proof.index == 0
    assert proof.checkpoint.split(b"\n")[:2] == [b"lab-a.example/psi-log", str(size).encode()]


def test_without_the_entry_in_it_the_entry_is_given(proven: tuple[Path, Path], tmp_path: Path) -> None:
    file, keys = proven
    whole = TlogProof.parse(file.read_bytes())
    assert whole.extra is not None
    bare, entry = tmp_path / "bare.tlog-proof", tmp_path / "entry"
    bare.write_bytes(TlogProof(whole.index, whole.hashes, whole.checkpoint).render())
    entry.write_bytes(whole.extra)
    assert "does not hold its entry" in run_psi("audit", "proof", bare, "--keys", keys).stderr
    assert run_psi("audit", "proof", bare, "--keys", keys, "--entry", entry).exit_code == 0
    entry.write_bytes(whole.extra.replace(b'"kind":"card"', b'"kind":"gap"'))
    refused = run_psi("audit", "proof", bare, "--keys", keys, "--entry", entry)
    assert refused.exit_code == 1
    assert "does not lead from the leaf to the root" in refused.stderr


def test_lies_are_refused(proven: tuple[Path, Path], tmp_path: Path) -> None:
    file, keys = proven
    honest = file.read_bytes()
    entry = TlogProof.parse(honest).extra
    assert entry is not None
    other = base64.b64encode(entry.replace(b'"v":1', b'"v":2')).decode().encode()
    lies = {
        "another entry": honest.replace(base64.b64encode(entry), other),
        "another place": honest.replace(b"index 1", b"index 0"),
        "another size": honest.replace(b"psi-log\n3\n", b"psi-log\n4\n"),
    }
    for name, lie in lies.items():
        assert lie != honest, name
        file.write_bytes(lie)
        assert run_psi("audit", "proof", file, "--keys", keys).exit_code == 1, name
    file.write_bytes(honest)
    keys.write_text(f"{Signer.generate('lab-a.example/psi-log').verifier}\n")
    assert "not signed by any of the expected keys" in run_psi("audit", "proof", file, "--keys", keys).stderr
    keys.write_text(f"{WITNESS.verifier}\n")
    assert "KEYS has no key named" in run_psi("audit", "proof", file, "--keys", keys).stderr


def test_cosigners_and_a_witness_policy(proven: tuple[Path, Path], tmp_path: Path) -> None:
    file, keys = proven
    policy = tmp_path / "policy"
    policy.write_text(f"witness w {WITNESS.verifier}\nquorum w\n")
    given = ("audit", "proof", file, "--keys", keys, "--witness-policy", policy)
    assert "no quorum" in run_psi(*given).stderr
    proof = TlogProof.parse(file.read_bytes())
    note = Note.parse(proof.checkpoint)
    cosigned = note.with_signature(WITNESS.cosign(note.text, 1_790_000_000)).render()
    file.write_bytes(TlogProof(proof.index, proof.hashes, cosigned, proof.extra).render())
    assert run_psi(*given).exit_code == 0
    keys.write_text(keys.read_text() + f"{WITNESS.verifier}\n")
    assert json.loads(run_psi(*given, "--json").stdout)["cosigners"] == ["witness.example"]
    wrong = cosigned.replace(b"\xe2\x80\x94 witness.example ", b"\xe2\x80\x94 witness.example ", 1)
    line = wrong.rstrip().rsplit(b"\n", 1)[1]
    broken = line[:-8] + (b"AAAAAAA=" if not line.endswith(b"AAAAAAA=") else b"BBBBBBA=")
    file.write_bytes(TlogProof(proof.index, proof.hashes, wrong.replace(line, broken), proof.extra).render())
    assert run_psi("audit", "proof", file, "--keys", keys).exit_code == 1


def test_an_entry_that_there_is_not(proven: tuple[Path, Path], tmp_path: Path) -> None:
    done = run_psi_node("log", "proof", "99", "--out", tmp_path / "x", "--data", tmp_path / "lab-a.example")
    assert done.exit_code == 1
    assert "the log has 3 entries" in done.stderr
