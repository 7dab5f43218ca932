"""The part of the REST client that is about jobs."""

from __future__ import annotations

from collections.abc import Sequence

from psi_client.rest import Json, Rest

WAIT_SECONDS = 25


class JobCalls:
    """Methods of NodeClient: `jobs` and what can be done to one, by its number."""

    _rest: Rest

    def jobs(self) -> list[Json]:
        """Every job by number, with its last run."""
        return self._rest.list("/v1/jobs")

    def job(self, number: int) -> Json:
        """One job; `runs` are its newest."""
        return self._rest.get(f"/v1/jobs/{int(number)}")

    def add_job(
        self,
        lab: str,
        cron: str,
        *,
        zone: str = "UTC",
        agreement: str | None = None,
        direction: str | None = None,
        reveal: str = "items",
        match_keys: Sequence[str] | None = None,
        engine: str | None = None,
        on_new: str | None = None,
        on_new_url: str | None = None,
    ) -> Json:
        """Make a job: sessions with `lab` at the times of `cron` in `zone`; left-out wishes as in `match`."""
        return self._rest.post(
            "/v1/jobs",
            {
                "lab": lab,
                "cron": cron,
                "zone": zone,
                "agreement": agreement,
                "direction": direction,
                "reveal": reveal,
                "match_keys": list(match_keys) if match_keys else None,
                "engine": engine,
                "on_new": on_new,
                "on_new_url": on_new_url,
            },
        )

    def run_job(self, number: int) -> Json:
        """Begin a run now; returns the run. `wait_for_job` follows it."""
        return self._rest.post(f"/v1/jobs/{int(number)}/run")

    def wait_for_job(self, number: int, *, seconds: float = WAIT_SECONDS) -> Json:
        """The job, once no run of it is going on, or after `seconds` (at most 30)."""
        return self._rest.post(f"/v1/jobs/{int(number)}/wait", seconds=seconds)

    def pause_job(self, number: int) -> Json:
        """Let it rest."""
        return self._rest.post(f"/v1/jobs/{int(number)}/pause")

    def resume_job(self, number: int) -> Json:
        """Let it be due again."""
        return self._rest.post(f"/v1/jobs/{int(number)}/resume")

    def remove_job(self, number: int) -> None:
        """Forget it and its runs; what its sessions matched stays."""
        self._rest.delete(f"/v1/jobs/{int(number)}")
