"""An auditor with a token of the role auditor fetches a log from a running node and verifies it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import SecretStr

from psi_client.profile import Profile
from psi_core.identity.card import Card
from tests.commands import run_psi
from tests.two_nodes import places


async def test_a_fetched_log_verifies_and_an_analyst_may_not_fetch_it(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)
    async with a.running():
        profiles = {}
        for role in ("auditor", "analyst"):
            made = await a.ask(lambda client, role=role: client.create_token(f"Ada, {role}", role))
            profiles[role] = tmp_path / f"{role}.json"
            Profile(url=a.settings.admin_url, token=SecretStr(made["token"]), ca=None).save(profiles[role])

        def fetch(role: str):
            return run_psi("audit", "fetch", tmp_path / role, "--profile", profiles[role])

        refused = await asyncio.to_thread(fetch, "analyst")
        assert (refused.exit_code, "access-denied" in refused.stderr) == (1, True)
        fetched = await asyncio.to_thread(fetch, "auditor")
        assert fetched.exit_code == 0, fetched.output
        assert "lab-a.example/psi-log: 5 entries in" in fetched.stdout.replace("\n", " ")
        card = Card.read((a.data_dir / "card").read_bytes())
        keys = tmp_path / "keys"
        keys.write_text(f"{card.log_key}\n{card.document_key}\n")

        def by_url(*words: str | Path):
            return run_psi("audit", "verify", a.settings.admin_url, "--keys", keys, *words)

        verified = await asyncio.to_thread(by_url, "--profile", profiles["auditor"])
        assert verified.exit_code == 0, verified.output
        assert "a checkpoint of 5 entries" in verified.stdout.replace("\n", " ")
        refused = await asyncio.to_thread(by_url, "--profile", profiles["analyst"])
        assert (refused.exit_code, "needs a token of the role auditor" in refused.stderr) == (1, True)
    verified = run_psi("audit", "verify", tmp_path / "auditor", "--keys", keys)
    assert verified.exit_code == 0, verified.output
