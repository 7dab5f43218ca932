"""Every private key of a node, and the card that shows their public halves. Files are the caller's to handle.

| file | holds |
|---|---|
| document.key, log.key, cosigner.key | `<key name> <seed in hex>`: Ed25519 seeds of the three note keys |
| sealing.key | X25519 private key, hex |
| data.key | 32 bytes, hex: seals actors' references and the consortium key in the store |
| tls.key.pem, tls.certificate.pem | ECDSA P-256 |
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psi_core.errors import InvalidConfiguration, InvalidText
from psi_core.identity.card import LOG_ORIGIN_SUFFIX, Card, check_log_origin
from psi_core.identity.certificate import check_key, der_of_pem, issue
from psi_core.identity.instant import instant
from psi_core.identity.sealing_key import SealingKey
from psi_core.log.key import COSIGNATURE, ED25519, NoteType, Signer

DATA_KEY_LENGTH = 32
KEY_FILES = (
    "document.key",
    "log.key",
    "cosigner.key",
    "sealing.key",
    "data.key",
    "tls.key.pem",
    "tls.certificate.pem",
)
"""Names of the files that `to_files` yields and `from_files` needs."""


@dataclass(frozen=True, repr=False)
class NodeKeys:
    """A lab's private keys. Its representation shows the lab alone."""

    lab: str
    document: Signer
    log: Signer
    cosigner: Signer
    sealing: SealingKey
    data_key: bytes
    tls_key_pem: bytes
    tls_certificate_pem: bytes

    @classmethod
    def generate(cls, lab: str, now: datetime) -> NodeKeys:
        """Draw every key anew; the certificate runs ten years. Raises InvalidCertificate, InvalidText."""
        tls_key_pem, tls_certificate_pem = issue(lab, now)
        return cls(
            lab=lab,
            document=Signer.generate(lab, ED25519),
            log=Signer.generate(lab + LOG_ORIGIN_SUFFIX, ED25519),
            cosigner=Signer.generate(lab, COSIGNATURE),
            sealing=SealingKey.generate(),
            data_key=secrets.token_bytes(DATA_KEY_LENGTH),
            tls_key_pem=tls_key_pem,
            tls_certificate_pem=tls_certificate_pem,
        )

    @property
    def log_origin(self) -> str:
        """The origin of this node's log, which is also its log key's name."""
        return self.log.verifier.name

    def card(self, lab: str, address: str, created: datetime) -> bytes:
        """The card as a note signed by the document key. The same arguments give the same card.

        Raises InvalidText when the address is not `host:port` or the lab is not the one these keys are for.
        """
        if lab != self.lab:
            raise InvalidText("card: these keys belong to another lab")
        card = Card(
            lab=lab,
            address=address,
            tls_certificate=base64.b64encode(der_of_pem(self.tls_certificate_pem)).decode(),
            document_key=str(self.document.verifier),
            log_key=str(self.log.verifier),
            log_origin=self.log_origin,
            cosigner_key=str(self.cosigner.verifier),
            sealing_key=self.sealing.public.hex(),
            created=instant(created),
        )
        return card.signed(self.document)

    def to_files(self) -> Mapping[str, bytes]:
        """File name to contents, for a directory that only the node may read."""
        return {
            "document.key": _signer_line(self.document),
            "log.key": _signer_line(self.log),
            "cosigner.key": _signer_line(self.cosigner),
            "sealing.key": _hex_line(self.sealing.private),
            "data.key": _hex_line(self.data_key),
            "tls.key.pem": self.tls_key_pem,
            "tls.certificate.pem": self.tls_certificate_pem,
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], lab: str) -> NodeKeys:
        """Read what `to_files` wrote for `lab`.

        Raises InvalidConfiguration for a missing or damaged file or another lab's key, and InvalidCertificate
        for a TLS key that does not belong to its certificate.
        """
        missing = [name for name in KEY_FILES if name not in files]
        if missing:
            raise InvalidConfiguration(f"keys: {', '.join(missing)} missing; restore them from the backup")
        check_key(files["tls.key.pem"], files["tls.certificate.pem"])
        return cls(
            lab=lab,
            document=_signer("document.key", files["document.key"], lab, ED25519),
            log=_log_signer(files["log.key"], lab),
            cosigner=_signer("cosigner.key", files["cosigner.key"], lab, COSIGNATURE),
            sealing=SealingKey(_key_bytes("sealing.key", files["sealing.key"].strip())),
            data_key=_key_bytes("data.key", files["data.key"].strip()),
            tls_key_pem=files["tls.key.pem"],
            tls_certificate_pem=files["tls.certificate.pem"],
        )

    def __repr__(self) -> str:
        return f"NodeKeys({self.lab}, hidden)"


def _signer_line(signer: Signer) -> bytes:
    return f"{signer.verifier.name} {signer.seed.hex()}\n".encode()


def _hex_line(key: bytes) -> bytes:
    return key.hex().encode() + b"\n"


def _key_bytes(file: str, digits: bytes) -> bytes:
    try:
        key = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != DATA_KEY_LENGTH:
        raise InvalidConfiguration(f"keys: {file} does not hold 32 bytes in hex; restore it from the backup")
    return key


def _named_seed(file: str, contents: bytes) -> tuple[str, bytes]:
    name, _, digits = contents.strip().partition(b" ")
    return name.decode("ascii", errors="replace"), _key_bytes(file, digits)


def _signer(file: str, contents: bytes, lab: str, kind: NoteType) -> Signer:
    name, seed = _named_seed(file, contents)
    if name != lab:
        raise InvalidConfiguration(f"keys: {file} belongs to another lab; restore this lab's own file")
    return Signer.from_seed(name, seed, kind)


def _log_signer(contents: bytes, lab: str) -> Signer:
    name, seed = _named_seed("log.key", contents)
    try:
        check_log_origin(name, lab)
    except InvalidText as fault:
        raise InvalidConfiguration("keys: log.key belongs to another lab; restore this lab's file") from fault
    return Signer.from_seed(name, seed, ED25519)
