"""The node's keys and card: all there, for this lab, closed to others, and valid."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path

from psi_core.errors import InvalidCertificate, PsiError
from psi_core.identity.certificate import der_of_pem
from psi_core.identity.node_keys import NodeKeys
from psi_service.doctor.finding import Finding, fault, ok, warning
from psi_service.identity.key_files import read_keys
from psi_service.identity.own_card import read_card
from psi_service.peers.validity import check_valid_at
from psi_service.settings import Settings

SOON = timedelta(days=60)
"""A certificate that ends within this time is told of: every peer has to pin a new card by then."""

_CHECK = "keys"


def check_keys(settings: Settings) -> tuple[NodeKeys | None, Finding]:
    """The keys, when they can be read, and how they are."""
    try:
        keys = read_keys(settings.keys_dir, settings.lab)
    except PsiError as error:
        return None, fault(_CHECK, _sentence(error), "Put the node's own keys back, closed to others.")
    for folder in (settings.keys_dir, settings.data_dir):
        if mode := _open_to_others(folder):
            return keys, fault(
                _CHECK, f"Others may look into {folder} (mode {mode:04o}).", f"chmod 700 {folder}"
            )
    return keys, ok(_CHECK, "The key files are whole, and their folder is closed to others.")


def check_card(settings: Settings, keys: NodeKeys, now: datetime) -> Finding:
    """The card belongs to keys and settings, and its certificate is valid now and for a while."""
    try:
        card = read_card(settings, keys).card
        check_valid_at(card.certificate_der, now)
    except InvalidCertificate as error:
        return fault(
            "card", f"The TLS certificate: {error.message}.", "Check this host's clock; see `key rotation`."
        )
    except PsiError as error:
        return fault("card", _sentence(error), "Put card and keys back that belong together.")
    try:
        check_valid_at(der_of_pem(keys.tls_certificate_pem), now + SOON)
    except InvalidCertificate as error:
        return warning(
            "card",
            f"The TLS certificate ends soon: {error.message}.",
            "Make new keys and a new card in good time; docs/operating.md says how.",
        )
    return ok("card", f"Peers dial {card.address}; the certificate is valid.")


def _open_to_others(folder: Path) -> int:
    """The folder's mode when others may use it, else 0."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    return mode if mode & (stat.S_IRWXG | stat.S_IRWXO) else 0


def _sentence(error: PsiError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."
