"""`/v1/actors/erase`: a preview unless it is asked for the deed, and the token that asked is named."""

from __future__ import annotations

from typing import Any

from psi_core.errors import NotFound
from psi_service.retention.erasure import Erasure
from psi_service.tokens import Role


class Retention:
    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def _found(self, reference: str, erased: bool) -> Erasure:
        if reference == "nobody":
            raise NotFound("there is no actor of this reference")
        return Erasure(reference=reference, kinds=(), matches=0, peers=(), erased=erased)

    async def preview(self, reference: str) -> Erasure:
        self.calls.append(("preview", reference))
        return self._found(reference, False)

    async def erase(self, reference: str, by: str) -> Erasure:
        self.calls.append(("erase", reference, by))
        return self._found(reference, True)


def test_it_is_a_preview_unless_dry_run_is_turned_off(api: Any) -> None:
    retention = Retention()
    client = api.client(Role.ANALYST, retention=retention)
    assert client.post("/v1/actors/erase", json={"reference": "acct/1"}).json()["erased"] is False
    done = client.post("/v1/actors/erase", json={"reference": "acct/1", "dry_run": False})
    assert done.json() == {"reference": "acct/1", "kinds": [], "matches": 0, "peers": [], "erased": True}
    assert retention.calls == [("preview", "acct/1"), ("erase", "acct/1", "token 2")]
    assert client.post("/v1/actors/erase", json={"reference": "nobody"}).status_code == 404
    assert client.post("/v1/actors/erase", json={"reference": "x", "dryrun": False}).status_code == 422
