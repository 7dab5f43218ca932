"""A new node's folder, made once: settings, keys, card, store, first log entries, an operator's profile.

<data>/psi.toml       settings, commented
<data>/keys/          private keys, for the node's user alone
<data>/card           the signed card that peers pin
<data>/node.db        the store
<data>/head/head      the log's second head file, unless the settings put it elsewhere
<data>/profile.json   url and token, for `psi` on this machine
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlite_utils import Database

from psi_client.profile import PROFILE_FILE, Profile
from psi_core.errors import Conflict
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.entry import EntryKind
from psi_service.clock import Clock
from psi_service.identity.key_files import write_keys, write_private
from psi_service.identity.own_card import OwnCard, make_card, write_card
from psi_service.log.node_log import NodeLog
from psi_service.settings import SETTINGS_FILE, Settings, settings_file
from psi_service.store.database import DATABASE_FILE, Store
from psi_service.tokens import Role, Tokens

_FIRST_NAME = "made by psi-node init"


@dataclass(frozen=True)
class NewNode:
    """What was made: the settings as they are in force, the card, and where the operator's profile is."""

    settings: Settings
    card: OwnCard
    profile: Path


async def initialise(data_dir: Path, values: Mapping[str, Any], clock: Clock) -> NewNode:
    """Make a node in `data_dir`; `values` are the settings to write, `lab` among them.

    Raises Conflict when a node is there already, InvalidConfiguration for settings that will not do.
    """
    settings = Settings.checked(data_dir, values)
    text = settings_file(values)
    _refuse_existing(settings.data_dir)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = NodeKeys.generate(settings.lab, clock())
    card = make_card(settings, keys, clock())
    write_keys(settings.keys_dir, keys)
    write_card(settings.data_dir, card)
    with Store.open(settings.data_dir, clock) as store:
        log = NodeLog(store, keys.log, settings.head_path, clock)
        await log.verify_at_start()
        await store.transaction(lambda db: _first_entries(db, log, keys, card))
        made = await Tokens(store, log, clock).create(_FIRST_NAME, Role.OPERATOR)
    profile = settings.data_dir / PROFILE_FILE
    Profile(
        url=settings.admin_url,
        token=SecretStr(made.token),
        ca=settings.admin_certificate and settings.data_dir / settings.admin_certificate,
    ).save(profile)
    # Last: a folder with its settings is a whole node.
    write_private(settings.data_dir / SETTINGS_FILE, text.encode())
    return NewNode(settings, card, profile)


def _refuse_existing(data_dir: Path) -> None:
    for name in (SETTINGS_FILE, DATABASE_FILE):
        if (data_dir / name).exists():
            raise Conflict(
                f"{data_dir} holds a node already ({name}); name another folder, or remove that one"
            )


def public_keys(keys: NodeKeys) -> dict[str, str]:
    """What a log's first entry says of the node's keys."""
    return {
        "document": str(keys.document.verifier),
        "log": str(keys.log.verifier),
        "cosigner": str(keys.cosigner.verifier),
        "sealing": keys.sealing.public.hex(),
    }


def _first_entries(db: Database, log: NodeLog, keys: NodeKeys, card: OwnCard) -> None:
    log.append(db, EntryKind.KEY, public_keys(keys))
    log.append(db, EntryKind.CARD, {"note": card.note.decode()})
