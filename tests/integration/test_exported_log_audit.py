"""What a node exports, the offline auditor proves; what is altered afterwards, it finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from psi_client.audit import Auditor, State, read_keys
from psi_core import native_core
from psi_core.errors import VerificationError
from psi_core.log.entry import EntryKind
from psi_core.log.key import Signer
from psi_service.bundles import exporting
from psi_service.log.export import export_log
from psi_service.log.node_log import NodeLog
from psi_service.sessions.progress import Phase
from psi_service.store.database import Store
from tests.two_labs import agreement_between, run, two_labs

SIGNER = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


async def test_export_of_a_node_is_proven_and_a_changed_byte_is_not(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data", clock) as store:
        log = NodeLog(store, SIGNER, tmp_path / "head", clock)
        await log.verify_at_start()
        await store.transaction(lambda db: [log.append(db, EntryKind.ADMIN, {"n": n}) for n in range(300)])
        await export_log(store, log, tmp_path / "export")
    keys = tmp_path / "keys"
    keys.write_text(f"{SIGNER.verifier}\n")
    auditor = Auditor(read_keys(keys, outside=[tmp_path / "export"]))
    report = auditor.verify([tmp_path / "export"])
    unproven = {claim.name for claim in report.claims if claim.state is not State.PROVEN}
    assert unproven == {"append-only since the last audit", "seen by witnesses"}
    report.check()
    bundle = tmp_path / "export/tile/entries/001.p/44"
    bundle.write_bytes(bundle.read_bytes().replace(b'{"n":270}', b'{"n":207}'))
    changed = auditor.verify([tmp_path / "export"])
    found = {place.position for claim in changed.claims for place in claim.entries}
    assert found == {270}
    with pytest.raises(VerificationError):
        changed.check()


ENGINES = [
    "openmined",
    pytest.param(
        "oprf", marks=pytest.mark.skipif(not native_core.available(), reason="needs the native core")
    ),
]


@pytest.mark.parametrize("engine", ENGINES)
async def test_sessions_of_two_nodes_are_proven_with_both_logs(tmp_path: Path, engine: str) -> None:
    """Everything that real nodes log of sessions in both orders, directions and ends satisfies every claim."""
    a, b, terms = await two_labs(tmp_path, agreement_between(bundle_days=30))
    note = terms.signed(a.keys.document, b.keys.document).decode()
    for lab in (a, b):
        body = {"action": "in_force", "agreement": terms.hash().hex(), "note": note}
        lab.store.transaction_now(
            partial(lab.log.append, kind=EntryKind.AGREEMENT, body=body, peer=terms.other(lab.name))
        )
    a.suspects({"one": {"email": ["ada@example.org"]}})
    b.suspects({"two": {"email": ["ada@example.org", "bob@example.org"]}})
    for direction in ("both", "initiator", "responder"):
        for initiator, responder in ((a, b), (b, a)):
            assert (
                await run(initiator, responder, terms, direction=direction, engine=engine)
            ).state == "complete"
    b.consortium = replace(b.consortium, key_id="0" * 16)
    assert (await run(a, b, terms, engine=engine)).state == "refused"
    b.consortium = a.consortium
    a.cut_at = Phase.COMPLETING
    assert (await run(a, b, terms, engine=engine)).state != "complete"
    assert (await run(a, b, terms, engine=engine)).state == "complete"
    incremental = [row for row in a.table("session_lanes") if (row["run"] or "").startswith("on generation")]
    assert bool(incremental) is (engine == "oprf")
    folders, keys = [tmp_path / "export-a", tmp_path / "export-b"], []
    for lab, folder in zip((a, b), folders, strict=True):
        await export_log(lab.store, lab.log, folder)
        exporting.export(lab.directory, lab.keys.data_key, exporting.kept(lab.directory), folder / "bundles")
        keys += [lab.card.log_verifier, lab.card.document_verifier, lab.card.cosigner_verifier]
        await lab.stop()
    report = Auditor(keys).verify(folders)
    shown = [claim for claim in report.claims if claim.name == "one committed key an epoch"]
    assert all(claim.words.startswith("0 keys") is (engine != "oprf") for claim in shown)
    sealed = {"result sizes consistent"}
    unproven = {claim.name: claim.words for claim in report.claims if claim.state is not State.PROVEN}
    assert unproven.keys() == {"append-only since the last audit"} | sealed, unproven
    assert report.count(State.BROKEN) == 0
