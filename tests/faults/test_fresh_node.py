"""A lab sets its node up anew, under the same name with other keys: the pair goes on, and the old log stays whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from psi_client.audit import Auditor, read_keys
from psi_client.node_client import NodeClient
from psi_core.identity.card import Card
from tests.two_nodes import LABS, Place, introduce, places

EMAIL = {"match_key": "email", "max_size": 5_000, "evaluations_per_period": 500_000}


async def match(own: Place, lab: str) -> dict[str, object]:
    def follow(client: NodeClient) -> dict[str, object]:
        *_, last = client.follow(client.match(lab))
        return dict(last["session"])

    return await own.ask(follow)


async def import_list(place: Place, mine: str) -> None:
    file = place.data_dir / "list.csv"
    file.write_text(f"actor,kind,value\n{mine},email,{mine}@x.org\nshared,email,shared@x.org\n")
    await place.ask(lambda client: client.import_file(file))


async def test_both_orders_go_on_after_one_lab_began_anew(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    async with b.running():
        async with a.running():
            await introduce(a, b, [EMAIL])
            await import_list(a, "ada")
            await import_list(b, "bob")
            assert (await match(a, LABS[1]))["state"] == "complete"
            assert (await match(b, LABS[0]))["state"] == "complete"
        shutil.rmtree(a.data_dir)
        fresh, _ = await places(tmp_path / "anew")
        async with fresh.running():
            await b.ask(lambda client: client.remove_peer(LABS[0]))
            cards = [(await each.ask(NodeClient.card))["card"] for each in (fresh, b)]
            await b.ask(lambda client: client.add_peer(cards[0]))
            await fresh.ask(lambda client: client.add_peer(cards[1]))
            await b.ask(lambda client: client.invite(LABS[0]))
            (invite,) = await fresh.ask(NodeClient.invites)
            await fresh.ask(lambda client: client.join_consortium(hash_prefix=invite["hash"][:8]))
            terms = {"lab": LABS[1], "title": "anew", "match_keys": [EMAIL], "minimum_interval_seconds": 0}
            proposed = await fresh.ask(lambda client: client.propose_agreement(terms))
            await b.ask(lambda client: client.accept_agreement(proposed["hash"]))
            await import_list(fresh, "ada")
            new = proposed["hash"]
            for own, lab in ((fresh, LABS[1]), (b, LABS[0])):

                def follow(client: NodeClient, lab: str = lab) -> dict[str, object]:
                    *_, last = client.follow(client.match(lab, agreement=new))
                    return dict(last["session"])

                view = await own.ask(follow)
                assert view["state"] == "complete", view["reason"]
            await b.ask(lambda client: client.export_log(tmp_path / "export"))
    card = Card.read((b.data_dir / "card").read_bytes())
    keys = tmp_path / "keys"
    keys.write_text(f"{card.log_key}\n{card.document_key}\n")
    report = Auditor(read_keys(keys, outside=[tmp_path / "export"])).verify([tmp_path / "export"])
    broken = [claim for claim in report.claims if claim.state == "broken"]
    assert broken == []
