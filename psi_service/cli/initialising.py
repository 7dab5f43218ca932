"""`psi-node init`: make a node's folder, once."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer

from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import answer
from psi_core.errors import InvalidConfiguration
from psi_service.cli.options import DataOption, data_folder

EXAMPLES = examples(
    "psi-node init lab-a.example",
    "psi-node init lab-a.example --data /srv/psi --peer-address psi.lab-a.example:7443",
    "psi-node init lab-a.example --set max_sessions=8 --set head_file=/mnt/other/head",
)

LabArgument = Annotated[
    str,
    typer.Argument(metavar="LAB", help="This lab's name, such as lab-a.example.", show_default=False),
]
PeerAddressOption = Annotated[
    str | None,
    typer.Option(
        "--peer-address",
        metavar="HOST:PORT",
        help="What peers dial, as the card says. Left out: LAB and the port of --peer-listen.",
        show_default=False,
    ),
]
PeerListenOption = Annotated[
    str | None,
    typer.Option(
        "--peer-listen",
        metavar="HOST:PORT",
        help="Where to listen for peers. Left out: 0.0.0.0:7443.",
        show_default=False,
    ),
]
AdminListenOption = Annotated[
    str | None,
    typer.Option(
        "--admin-listen",
        metavar="HOST:PORT",
        help="Where to listen for commands. Left out: 127.0.0.1:7480.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other setting of psi.toml. Once for each.",
        show_default=False,
    ),
]


def init(
    lab: LabArgument,
    peer_address: PeerAddressOption = None,
    peer_listen: PeerListenOption = None,
    admin_listen: AdminListenOption = None,
    further: SetOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a node: settings, keys, card, store, and a profile for psi. Nothing that exists is replaced."""
    from psi_service.cli.show.node import print_new_node
    from psi_service.clock import system_clock
    from psi_service.identity.initialise import initialise

    given = {
        "lab": lab,
        "peer_address": peer_address,
        "peer_listen": peer_listen,
        "admin_listen": admin_listen,
    }
    values = {name: value for name, value in given.items() if value is not None} | _further(further or ())
    made = asyncio.run(initialise(data_folder(data), values, system_clock))
    found = {
        "lab": made.settings.lab,
        "data": str(made.settings.data_dir),
        "address": made.card.card.address,
        "admin_url": made.settings.admin_url,
        "profile": str(made.profile),
        "fingerprint": made.card.card.fingerprint_words(),
    }
    # Further commands find the folder by themselves, or have to be told it too.
    where = "" if data is None else f" --data {data}"
    answer(found, partial(print_new_node, where=where), as_json=as_json)


def _further(pairs: Sequence[str]) -> dict[str, Any]:
    """`name=value`, the value as TOML writes it, or a plain text. Raises InvalidConfiguration."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise InvalidConfiguration("--set is written NAME=VALUE, such as --set max_sessions=8")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
