"""`psi-node serve`: the node itself, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import answer
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_service.node.app import Node

EXAMPLES = examples("psi-node serve", "psi-node serve --data /srv/psi 2>> /var/log/psi-node.jsonl")


def serve(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run the node in the foreground. SIGTERM or Ctrl-C stops it in order; its journal goes to standard error."""
    settings = settings_of(data)
    # gRPC and FastAPI take a second to load; wrong settings are named before that.
    from psi_service.cli.show.node import print_serving
    from psi_service.clock import system_clock
    from psi_service.node import app
    from psi_service.watching.journal import open_journal

    def started(node: Node) -> None:
        found = {
            "lab": settings.lab,
            "peers": str(node.peer_address),
            "commands": str(node.admin_address),
            "signs_nothing": node.services.log.refusal,
        }
        answer(found, print_serving, as_json=as_json)
        sys.stdout.flush()

    open_journal(settings.journal)
    asyncio.run(app.serve(settings, system_clock, started))
