"""One node in a process of its own, as `psi-node serve` runs it; tells each phase of a session. Argument: FOLDER.

It writes one JSON object a line: {"ready": true}, then {"phase", "at"} with the seconds of CLOCK_MONOTONIC, which
all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from psi_service.clock import system_clock
from psi_service.node.app import serve
from psi_service.sessions.progress import Phase, Progress
from psi_service.settings import Settings


def _tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    enter = Progress.enter

    def told(progress: Progress, phase: Phase) -> None:
        _tell(phase=str(phase), at=time.monotonic())
        enter(progress, phase)

    Progress.enter = told  # type: ignore[assignment,method-assign] # the node itself has no need to tell
    asyncio.run(serve(Settings.load(folder), system_clock, lambda _: _tell(ready=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
