"""From folders and keys to a report. Everything in the folders is hostile until a claim says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

from psi_client.audit.bundles import IN_EXPORT, check_bundles
from psi_client.audit.claims import claims_of
from psi_client.audit.facts import LogFacts
from psi_client.audit.finding import Finding
from psi_client.audit.folder import LogFolder
from psi_client.audit.generations import read_in_order
from psi_client.audit.reading import read_log
from psi_client.audit.report import Claim, Report, SeenLog
from psi_client.audit.two_logs import ONE_LAB, TWO_COPIES, TWO_LOGS
from psi_core.errors import InvalidConfiguration
from psi_core.log.key import Verifier
from psi_core.log.witness_policy import WitnessPolicy

MAX_FOLDERS = 16


class Auditor:
    """Checks exported logs against `verifiers`: log keys, the labs' document keys, and keys of cosigners.

    `since` holds checkpoints (notes) that the auditor saved at earlier audits; `policy` says whose cosignatures
    a log needs; `bundles` are folders with bundles of engine `oprf`, beside those in the exported logs.
    """

    def __init__(
        self,
        verifiers: Sequence[Verifier],
        *,
        since: Sequence[bytes] = (),
        policy: WitnessPolicy | None = None,
        bundles: Sequence[Path] = (),
    ) -> None:
        self._verifiers = tuple(verifiers)
        self._since = tuple(since)
        self._policy = policy
        self._bundles = tuple(bundles)

    def verify(self, folders: Sequence[Path]) -> Report:
        """Look at 1 to 16 exported logs: every claim about one log, then every claim about each two of them.

        A folder that is damaged or made up yields broken claims and no error; `Report.check` raises. Raises
        InvalidConfiguration for folders that are no folders, or the same one twice.
        """
        if not 1 <= len(folders) <= MAX_FOLDERS:
            raise InvalidConfiguration(f"name 1 to {MAX_FOLDERS} folders with exported logs")
        if len({folder.resolve() for folder in folders}) != len(folders):
            raise InvalidConfiguration("the same folder is named twice: name each exported log once")
        for folder in folders:
            if not folder.is_dir():
                raise InvalidConfiguration(
                    f"{folder} is not a folder: name one that `psi-node log export` wrote"
                )
        good: set[bytes] = set()
        logs = read_in_order([LogFolder(folder) for folder in folders], partial(self._read, good))
        logs = self._with_bundles(logs, folders)
        claims = [
            _claim(name, (log.log,), look(log)) for log in logs for name, look in claims_of(log).items()
        ]
        for one, two in combinations(logs, 2):
            table = TWO_COPIES if one.log == two.log else ONE_LAB if one.lab == two.lab else TWO_LOGS
            claims += [_claim(name, (one.log, two.log), look(one, two)) for name, look in table.items()]
        return Report(claims=tuple(claims), heads=tuple(_seen(log) for log in logs))

    def _read(self, good: set[bytes], folder: LogFolder, before: LogFacts | None) -> LogFacts:
        return read_log(
            folder, self._verifiers, since=self._since, policy=self._policy, good=good, before=before
        )

    def _with_bundles(self, logs: Sequence[LogFacts], folders: Sequence[Path]) -> list[LogFacts]:
        """A record stands in both labs' logs: each lane is checked once."""
        where = (*self._bundles, *(folder / IN_EXPORT for folder in folders))
        results = check_bundles((each.lane for log in logs for each in log.replayed.proven_lanes), where)
        return [replace(log, bundles=results) for log in logs]


def _claim(name: str, logs: tuple[str, ...], finding: Finding) -> Claim:
    return Claim(name=name, logs=logs, state=finding.state, words=finding.words, entries=finding.entries)


def _seen(log: LogFacts) -> SeenLog:
    head = log.head.checkpoint
    return SeenLog(log=log.log, size=head.size if head else 0, root=head.root.hex() if head else "")
