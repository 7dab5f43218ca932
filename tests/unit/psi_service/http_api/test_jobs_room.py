"""Room `jobs`, over the real service and scheduler; sessions are the simulated world's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from psi_service.tokens import Role
from tests.job_world import JobNode, World

JOB = {"lab": "lab-b.example", "cron": "0 3 * * *", "zone": "Europe/Berlin"}


class Lent:
    """The services of a client's own loop: its portal runs them, so that locks and tasks belong to it."""

    def __init__(self, client: TestClient, node: JobNode) -> None:
        self.client = client
        self.node = node

    def call(self, work: Any, *arguments: Any) -> Any:
        assert self.client.portal is not None
        return self.client.portal.call(work, *arguments)


@pytest.fixture
def lent(api: Any, tmp_path: Path) -> Iterator[Lent]:
    node = JobNode(World(), tmp_path / "jobs")

    class Late:
        """The service, once the node is up."""

        def __getattr__(self, name: str) -> Any:
            return getattr(node.jobs, name)

    client = api.client(jobs=Late())
    lent = Lent(client, node)
    lent.call(node.up)
    yield lent
    lent.call(node.down)


def test_a_job_is_made_shown_paused_resumed_and_removed(lent: Lent) -> None:
    client = lent.client
    made = client.post("/v1/jobs", json={**JOB, "match_keys": ["email", "email"], "direction": "initiator"})
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["id"], view["peer"], view["cron"], view["zone"]) == (
        1,
        "lab-b.example",
        "0 3 * * *",
        "Europe/Berlin",
    )
    assert (view["match_keys"], view["direction"], view["agreement"]) == (["email"], "initiator", None)
    assert (view["next_due"], view["last"], view["running"]) == ("2026-11-25T02:00:00Z", None, False)
    assert client.get("/v1/jobs").json() == [view]
    assert client.get("/v1/jobs/1").json() == {**view, "runs": []}
    assert client.post("/v1/jobs/1/pause").json()["next_due"] is None
    assert client.post("/v1/jobs/1/pause").status_code == 409
    assert client.post("/v1/jobs/1/resume").json()["next_due"] == "2026-11-25T02:00:00Z"
    assert client.delete("/v1/jobs/1").status_code == 204
    for answer in (client.get("/v1/jobs/1"), client.delete("/v1/jobs/1"), client.post("/v1/jobs/1/run")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_a_run_is_begun_followed_and_seen(lent: Lent) -> None:
    client = lent.client
    client.post("/v1/jobs", json=JOB)
    begun = client.post("/v1/jobs/1/run")
    assert (begun.status_code, begun.json()["state"], begun.json()["asked"]) == (202, "running", True)
    assert client.post("/v1/jobs/1/run").status_code == 409
    going = client.post("/v1/jobs/1/wait?seconds=0.05").json()
    assert (going["running"], going["last"]["state"]) == (True, "running")

    async def pass_time() -> None:
        await lent.node.world.forward(minutes=1)

    lent.call(pass_time)
    over = client.post("/v1/jobs/1/wait?seconds=20").json()
    assert over["running"] is False
    assert over["runs"] == [over["last"]]
    last = over["last"]
    assert (last["state"], last["actors"], last["matched"]) == ("done", 3, {"email": 3})
    assert over["next_due"] == "2026-11-25T02:00:00Z"


def test_who_is_told_is_shown_without_arguments_and_paths(lent: Lent) -> None:
    client = lent.client
    command = client.post("/v1/jobs", json={**JOB, "on_new": "/opt/notify --key s3cret"})
    address = client.post("/v1/jobs", json={**JOB, "on_new_url": "https://hooks.example/s3cret"})
    assert (command.json()["on_new"], address.json()["on_new"]) == (
        "command /opt/notify",
        "https://hooks.example",
    )
    shown = client.get("/v1/jobs").text + client.get("/v1/jobs/1").text
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cron": "0 0 31 2 *"}, "never fires"),
        ({"cron": "every day"}, "five fields"),
        ({"zone": "Berlin"}, "no such time zone"),
        ({"lab": "LAB"}, "body.lab"),
        ({"match_keys": []}, "body.match_keys"),
        ({"direction": "all"}, "body.direction"),
        ({"on_new": "a", "on_new_url": "https://h.example"}, "not both"),
        ({"on_new_url": "http://h.example"}, "https"),
        ({"unknown": 1}, "body.unknown"),
    ],
)
def test_a_job_that_means_nothing_is_not_made(lent: Lent, wrong: dict[str, Any], words: str) -> None:
    answer = lent.client.post("/v1/jobs", json={**JOB, **wrong})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert lent.client.get("/v1/jobs").json() == []


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**60)])
def test_a_number_that_no_job_has(lent: Lent, number: str) -> None:
    assert lent.client.get(f"/v1/jobs/{number}").status_code == 422


def test_an_analyst_looks_and_runs_and_changes_nothing(api: Any) -> None:
    class Jobs:
        async def list(self) -> tuple[()]:
            return ()

    client = api.client(Role.ANALYST, jobs=Jobs())
    assert client.get("/v1/jobs").json() == []
    for answer in (
        client.post("/v1/jobs", json=JOB),
        client.post("/v1/jobs/1/pause"),
        client.post("/v1/jobs/1/resume"),
        client.delete("/v1/jobs/1"),
    ):
        assert answer.status_code == 403
