"""`psi status`: how the node is, and what waits for a person."""

from __future__ import annotations

from psi_client.cli.options import JsonOption, ProfileOption, examples
from psi_client.cli.output import answer
from psi_client.cli.reach import node_at

EXAMPLES = examples("psi status", "psi status --profile /srv/psi --json")


def show(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """How the node is: peers, consortium, log, and what waits for you."""
    from psi_client.cli.show.status import print_status

    with node_at(profile) as node:
        found = node.status()
    answer(found, print_status, as_json=as_json)
