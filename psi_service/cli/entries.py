"""Some entries of the log, from the store or in bundles from the admin port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psi_client.profile import Profile
from psi_client.rest import Rest
from psi_core.log.entry import Entry
from psi_core.log.tiles import TILE_WIDTH, decode_bundle, entries_path
from psi_service.settings import Settings

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient
    from psi_service.log.node_log import NodeLog

Found = dict[str, Any]
"""`start`, the position of the first, and `entries`, each as it was logged (JSON text)."""


async def read_locally(log: NodeLog, start: int | None, limit: int) -> Found:
    """At most `limit` entries from `start` on, or the newest."""
    first = _first(log.size, start, limit)
    return {"start": first, "entries": [data.decode() for data in await log.entries(first, limit)]}


def read_remotely(settings: Settings, node: NodeClient, start: int | None, limit: int) -> Found:
    """The same over the admin port, with the profile in the node's folder."""
    size = int(node.log()["size"])
    first = _first(size, start, limit)
    end = min(size, first + limit)
    entries: list[bytes] = []
    rest = Rest(Profile.load(settings.data_dir))
    try:
        for index in range(first // TILE_WIDTH, -(-end // TILE_WIDTH)):
            path = entries_path(index, min(TILE_WIDTH, size - index * TILE_WIDTH))
            bundle = decode_bundle(rest.content(f"/v1/log/{path}"))
            entries += bundle[max(0, first - index * TILE_WIDTH) : end - index * TILE_WIDTH]
    finally:
        rest.close()
    return {"start": first, "entries": [data.decode() for data in entries]}


def read_entries(found: Found) -> list[dict[str, Any]]:
    """The entries as objects: position, time, kind, peer, body. Raises InvalidText."""
    return [_shown(position, text) for position, text in enumerate(found["entries"], start=found["start"])]


def _shown(position: int, text: str) -> dict[str, Any]:
    if not text:
        return {"position": position, "time": None, "kind": "undisclosed", "peer": None, "body": {}}
    entry = Entry.decode(text.encode())
    return {
        "position": position,
        "time": entry.time,
        "kind": str(entry.kind),
        "peer": entry.peer,
        "body": entry.body,
    }


def _first(size: int, start: int | None, limit: int) -> int:
    return max(0, size - limit) if start is None else min(start, size)
