"""What a node exports, the offline auditor proves; what is altered afterwards, it finds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from psi_client.audit import Auditor, State, read_keys

from psi_core.errors import VerificationError
from psi_core.log.entry import EntryKind
from psi_core.log.key import Signer
from psi_service.log.export import export_log
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

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
    assert {claim.state for claim in report.claims} == {State.PROVEN}
    report.check()
    bundle = tmp_path / "export/tile/entries/001.p/44"
    bundle.write_bytes(bundle.read_bytes().replace(b'{"n":270}', b'{"n":207}'))
    changed = auditor.verify([tmp_path / "export"])
    found = {place.position for claim in changed.claims for place in claim.entries}
    assert found == {270}
    with pytest.raises(VerificationError):
        changed.check()
