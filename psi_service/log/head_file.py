"""The second place that remembers how far the log has come, so that an older database is noticed at start.

The file holds a checkpoint's text (origin, size, root) without a signature: checkpoints are signed only after
it is written. It is replaced as a whole and fsynced before anything that was logged leaves the node.
"""

from __future__ import annotations

import os
from pathlib import Path

from psi_core.errors import InvalidCheckpoint, NodeRefusing
from psi_core.log.checkpoint import Checkpoint
from psi_service.durable import sync_folder

_MAX_BYTES = 4096


class HeadFile:
    """One head file, best on another disk than the store. The first write makes its folder (mode 0700)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Checkpoint | None:
        """The head that was last written, or None when there is no file.

        Raises NodeRefusing when the file is cut, altered in form, or cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(_MAX_BYTES)
            return Checkpoint.parse(data.decode())
        except FileNotFoundError:
            return None
        except (InvalidCheckpoint, UnicodeDecodeError) as error:
            raise NodeRefusing(
                f"the head file {self.path} is damaged. Put its newest copy back; if there is none, the log "
                "cannot show that it was not set back, and nothing is signed"
            ) from error
        except OSError as error:
            raise NodeRefusing(
                f"the head file {self.path} cannot be read ({error.strerror}). Mend that and start again"
            ) from error

    def write(self, head: Checkpoint) -> None:
        """Replace the file; once this returns it survives a power cut. Raises NodeRefusing when it cannot."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self.path.with_name(self.path.name + ".new")
            with fresh.open("wb") as file:
                file.write(head.text().encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise NodeRefusing(
                f"the head file {self.path} cannot be written ({error.strerror}): nothing more is signed. "
                "Mend that and start the node again"
            ) from error
