"""Two nodes that share one address on their lists, and the sessions that find it."""

from __future__ import annotations

from typing import Any

from psi_client.node_client import NodeClient
from tests.two_nodes import LABS, Place, introduce

EMAIL = {"match_key": "email", "max_size": 5_000, "evaluations_per_period": 500_000}


async def prepare(a: Place, b: Place, **terms: Any) -> None:
    """Both nodes run: introduce them and give each a list of two, one of them shared."""
    await introduce(a, b, [EMAIL], **({"padding_bucket": 64, "late_abort_limit": 100} | terms))
    for place, mine in ((a, "ada"), (b, "bob")):
        file = place.data_dir / "list.csv"
        file.write_text(f"actor,kind,value\n{mine},email,{mine}@x.org\nshared,email,shared@x.org\n")
        await place.ask(lambda client, file=file: client.import_file(file))


async def add_to_both(a: Place, b: Place, count: int) -> None:
    """Each lab imports so many further addresses; every tenth is on both lists."""
    for place, mine in ((a, "a"), (b, "b")):
        file = place.data_dir / "more.csv"
        names = [f"s{number}" if number % 10 == 0 else f"{mine}{number}" for number in range(count)]
        file.write_text("actor,kind,value\n" + "".join(f"{name},email,{name}@x.org\n" for name in names))
        await place.ask(lambda client, file=file: client.import_file(file))


async def match(
    place: Place, direction: str = "both", *, peer: str = LABS[1], **asked: Any
) -> dict[str, Any]:
    """One session to its end."""

    def follow(client: NodeClient) -> dict[str, Any]:
        *_, last = client.follow(client.match(peer, direction=direction, **asked))
        return dict(last["session"])

    return await place.ask(follow)


async def match_to_the_end(place: Place, direction: str = "both", **asked: Any) -> dict[str, Any]:
    """As people do: a refusal `counter` (the broken node never saw the last offer) is followed by another try."""
    view = await match(place, direction, **asked)
    if view["state"] == "refused" and "counter" in view["reason"]:
        view = await match(place, direction, **asked)
    assert view["state"] == "complete", view["reason"]
    assert direction == "responder" or [lane["matched"] for lane in view["lanes"]] == [1]
    return view
