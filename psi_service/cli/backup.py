"""`psi-node backup` and `psi-node restore`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.options import JsonOption, YesOption, examples
from psi_client.cli.output import answer, confirmed
from psi_core.errors import Conflict, InvalidConfiguration
from psi_service.cli.options import DataOption, data_folder, settings_of

if TYPE_CHECKING:
    from psi_service.backup.restoring import Plan
    from psi_service.backup.secret import BackupSecret

BACKUP_EXAMPLES = examples(
    "psi-node backup /mnt/backup/lab-a.psi",
    "psi-node backup /mnt/backup/lab-a.psi --key-file /root/backup.key",
)
RESTORE_EXAMPLES = examples(
    "psi-node restore /mnt/backup/lab-a.psi --dry-run", "psi-node restore /mnt/backup/lab-a.psi"
)

KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="At least 32 random bytes, kept elsewhere. Left out: a passphrase is asked for.",
        show_default=False,
    ),
]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.", show_default=False)],
    key_file: KeyFileOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everything of this node into one sealed file, also while it runs: store, keys, card, settings, head."""
    settings = settings_of(data)
    from psi_service.backup.making import make_backup
    from psi_service.cli.show.backup import print_backup
    from psi_service.clock import system_clock

    if file.exists():
        raise Conflict(f"{file} exists already: name a new file, so that no backup is lost")
    secret = _secret(key_file, twice=True, as_json=as_json)
    made = make_backup(settings, file, secret, system_clock)
    answer({**asdict(made), "file": str(file)}, print_backup, as_json=as_json)


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What psi-node backup wrote.", show_default=False)
    ],
    key_file: KeyFileOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Open and verify it, and say what would be done.")
    ] = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a backup back. The node must not run. A log and ledger that verify stay as they are.

    Otherwise they come from the backup, and the node signs nothing until they are recovered from its peers.
    """
    from psi_service.backup.restoring import planned
    from psi_service.backup.restoring import restore as bring_back
    from psi_service.cli.show.backup import print_plan, print_restored, question
    from psi_service.clock import system_clock

    secret = _secret(key_file, twice=False, as_json=as_json)
    with planned(data_folder(data), file, secret) as plan:
        if dry_run:
            answer(_of(plan), print_plan, as_json=as_json)
            return
        if not confirmed(question(_of(plan)), yes=yes, as_json=as_json):
            raise Conflict("you did not confirm it: nothing was changed")
        done = bring_back(plan, system_clock)
    if done.kept_log:
        asyncio.run(_log(data_folder(data), done.made))
    answer({**asdict(done), "aside": str(done.aside)}, print_restored, as_json=as_json)


def _of(plan: Plan) -> dict[str, Any]:
    return {
        "lab": plan.manifest.lab,
        "made": plan.manifest.made,
        "keeps_log": plan.keeps_log,
        "why": plan.why,
        "entries": plan.entries,
    }


async def _log(data_dir: Path, made: str) -> None:
    """The log says that lists came back: what sessions match from now on may be older than it."""
    from psi_core.log.entry import EntryKind
    from psi_service.clock import system_clock
    from psi_service.node.reach import services_without_ports
    from psi_service.settings import Settings

    async with services_without_ports(Settings.load(data_dir), system_clock) as services:
        body = {"action": "restored", "backup": made}
        await services.store.transaction(lambda db: services.log.append(db, EntryKind.ADMIN, body))


def _secret(key_file: Path | None, *, twice: bool, as_json: bool) -> BackupSecret:
    from psi_service.backup.secret import BackupSecret

    if key_file is not None:
        return BackupSecret.of_file(key_file)
    if as_json:
        raise InvalidConfiguration("with --json nothing is asked: give --key-file FILE")
    words = typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=twice, err=True)
    return BackupSecret.of_passphrase(words)
