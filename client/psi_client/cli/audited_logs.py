"""The logs that an audit is asked about: folders as they are, URLs fetched into folders that go when it is over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psi_client.audit.keys import read_keys
from psi_client.audit.remote import RemoteLog, is_url
from psi_client.log_download import LogDownload
from psi_client.profile import Profile
from psi_core.errors import Conflict, InvalidConfiguration
from psi_core.log.key import Verifier


@contextmanager
def folders_of(
    logs: Sequence[str], profiles: Sequence[Path], verifiers: Sequence[Verifier]
) -> Iterator[list[Path]]:
    """A folder for each of `logs`, in their order. Raises what fetching raises, and InvalidConfiguration."""
    read = [Profile.load(each) for each in profiles]
    urls = [each.rstrip("/") for each in logs if is_url(each)]
    if len(set(urls)) != len(urls):
        raise InvalidConfiguration("the same URL is named twice: name each log once")
    with tempfile.TemporaryDirectory(prefix="psi-audit-") as temporary:
        found = []
        for number, name in enumerate(logs):
            folder = Path(name)
            if is_url(name):
                folder = Path(temporary) / str(number)
                folder.mkdir()
                with RemoteLog(name, read) as log:
                    log.fetch_into(folder, verifiers)
            found.append(folder)
        yield found


def fetched(url: str, folder: Path, keys: Path) -> LogDownload:
    """The log at `url` in the new or empty `folder`. Raises Conflict, and what reading keys and fetching raise."""
    verifiers = read_keys(keys, outside=[folder])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is not empty: name a new folder, so that no two logs are mixed")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with RemoteLog(url) as log:
        return log.fetch_into(folder, verifiers)
