"""Both ports: open while the node runs, free while it does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import PsiError, StoreLocked
from psi_service.address import Address
from psi_service.doctor.finding import Finding, fault, ok, warning
from psi_service.settings import Settings
from psi_service.store.lock import StoreLock

CONNECT_SECONDS = 3.0

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- names it, binds nothing


def node_runs(settings: Settings) -> bool:
    """Whether some process holds the store."""
    try:
        StoreLock.take(settings.data_dir).release()
    except StoreLocked:
        return True
    return False


def check_ports(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """One line for each port."""
    for setting, address in (
        ("peer_listen", settings.peer_listen_address),
        ("admin_listen", settings.admin_address),
    ):
        yield (_open if running else _free)(setting, address)


def check_refusal(settings: Settings) -> Finding:
    """What the running node says of its log: it knows what its peers keep of it."""
    try:
        with NodeClient(Profile.load(settings.data_dir)) as node:
            refusal = node.log()["refusal"]
    except PsiError as error:
        return warning("node", f"The node runs, and cannot be asked: {error.message}", "See its journal.")
    if refusal is not None:
        return fault("node", f"The node runs and signs nothing: {refusal}.", "Do what it says.")
    return ok("node", "The node runs.")


def _open(setting: str, address: Address) -> Finding:
    reached = Address(_EVERY_ADDRESS.get(address.host, address.host), address.port)
    try:
        socket.create_connection(reached, CONNECT_SECONDS).close()
    except OSError:
        return fault(
            "ports",
            f"Something holds the store, and nothing listens on {address} ({setting}).",
            f"Were the settings changed since the node was started? Start it again, or mend {setting}.",
        )
    return ok("ports", f"The node listens on {address} ({setting}).")


def _free(setting: str, address: Address) -> Finding:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server(tuple(address), family=family).close()
    except OSError as error:
        return fault(
            "ports",
            f"No node runs, and none could listen on {address} ({error.strerror}).",
            f"End what holds the port, or set {setting} to another address.",
        )
    return warning("ports", f"No node runs; {address} ({setting}) is free.", "Start it: `psi-node serve`.")
