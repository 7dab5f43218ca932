"""What is shown while one waits: bars on standard error, gone when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from psi_client.cli.plain import plain
from psi_client.cli.show.table import size

PHASES: Mapping[str, str] = {
    "settling": "settling earlier sessions",
    "freezing": "freezing snapshots",
    "offered": "offer sent",
    "accepted": "offer accepted",
    "begun": "both policies agree",
    "opening": "requests and set-ups",
    "barrier": "pre-records",
    "completing": "responses",
    "computed": "canaries checked",
    "results": "results exchanged",
    "signed": "record signed",
    "countersigned": "record countersigned",
    "done": "checkpoints exchanged",
}
"""The phases of a session, in words."""


@contextmanager
def upload_bar(console: Console, name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of a file; yields what is told how many are sent. Then the node's own work is waited for."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task(f"reading {plain(name)}", total=total)

        def moved(sent: int) -> None:
            progress.update(task, completed=sent)
            if sent >= total:
                progress.update(task, description=f"keeping {plain(name)}")

        yield moved


class SessionBar:
    """A bar over the phases of a session. Use it in a `with` block."""

    def __init__(self, console: Console, lab: str) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[details]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._lab = plain(lab)
        self._task: TaskID | None = None

    def __enter__(self) -> SessionBar:
        self._progress.start()
        self._task = self._progress.add_task(f"{self._lab}: dialling", total=None, details="")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, standing: Mapping[str, Any]) -> None:
        """Where the session stands: see the node's answer to `wait`."""
        if self._task is None or standing["phase"] is None:
            return
        parts = [size(standing["bytes_sent"] + standing["bytes_received"])]
        if standing["runs_total"]:
            parts.insert(0, f"runs {standing['runs_done']}/{standing['runs_total']}")
        phase = PHASES.get(standing["phase"], standing["phase"])
        if standing.get("resumed_at") is not None:
            parts.append(f"going on from {standing['resumed_at']} %")
        self._progress.update(
            self._task,
            description=f"{self._lab}: {plain(phase)}",
            completed=standing["step"],
            total=standing["steps"],
            details="   ".join(parts),
        )
