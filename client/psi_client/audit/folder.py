"""One exported log as files: regular ones, none longer than its kind can be, none that is a symbolic link."""

from __future__ import annotations

from pathlib import Path

from psi_client.audit.plain_file import plain_file
from psi_core.errors import InvalidText, NotFound
from psi_core.log.note import MAX_NOTE
from psi_core.log.tiles import MAX_BUNDLE, TILE_WIDTH, decode_bundle, entries_path, tile_path
from psi_core.log.tree import HASH_LENGTH


class LogFolder:
    """An exported log below `path`, in the layout of c2sp.org/tlog-tiles.

    Every method raises NotFound for a file that is missing and InvalidText for one that cannot be what it is named.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where the export lies."""
        return self._path

    @property
    def name(self) -> str:
        """The folder as it was given, for a log whose origin is not known."""
        return str(self._path)

    def checkpoint(self) -> bytes:
        """Return the checkpoint note, at most 64 KiB."""
        return self._read("checkpoint", MAX_NOTE)

    def cosigned(self) -> bytes:
        """Return the newest checkpoint that witnesses cosigned, at most 64 KiB; not every export has one."""
        return self._read("cosigned", MAX_NOTE)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Return the bytes of a hash tile, no more than a full tile has."""
        return self._read(tile_path(level, index, width), HASH_LENGTH * TILE_WIDTH)

    def bundle(self, index: int, width: int) -> list[bytes]:
        """Return the entries of a bundle, at most `width` of them; fewer when the end of the log was cut off.

        Without a partial bundle of that width the longest shorter one is taken, to find the entry where it ends.
        """
        shortest = width if width == TILE_WIDTH else 1
        for there in range(width, shortest - 1, -1):
            path = entries_path(index, there)
            try:
                data = self._read(path, MAX_BUNDLE)
            except NotFound:
                continue
            entries = decode_bundle(data)
            if len(entries) > there:
                raise InvalidText(f"{path} holds {len(entries)} entries, more than its name says")
            return entries
        raise NotFound(f"{entries_path(index, width)} is missing")

    def _read(self, path: str, limit: int) -> bytes:
        with plain_file(self._path, path, limit) as (file, _):
            data = file.read(limit + 1)
        if len(data) > limit:
            raise InvalidText(f"{path} is longer than {limit} bytes")
        return data
