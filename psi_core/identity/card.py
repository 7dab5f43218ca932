"""A lab's signed public identity (design.md section 6): its name, address, TLS certificate and keys.

A card is a note signed by the document key that stands in it. That proves nothing about who made it: a person
compares the fingerprint with what the other lab reads aloud, and only then is the card pinned.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, ClassVar, Self

from pydantic import StringConstraints, model_validator

from psi_core.errors import InvalidText
from psi_core.identity.certificate import MAX_DER, certificate_pin, check_shape
from psi_core.identity.sealing_key import check_public
from psi_core.log.key import COSIGNATURE, ED25519, NoteType, Verifier
from psi_core.log.signed_text import Hex32, Instant, LabName, SignedText
from psi_core.log.succession import number_of

LOG_ORIGIN_SUFFIX = "/psi-log"

_PORT = r":(?P<port>[1-9][0-9]{0,4})"
_ADDRESS = re.compile(r"(?P<host>[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])" + _PORT)
_GENERATION = re.compile(r"/[1-9][0-9]{0,8}")
_Base64 = Annotated[str, StringConstraints(min_length=1, max_length=(MAX_DER + 2) // 3 * 4)]
_VerifierKey = Annotated[str, StringConstraints(min_length=1, max_length=600)]


class Card(SignedText):
    """The public identity. Every Card has passed the cross-checks; `read` checks the signature too."""

    TYPE: ClassVar[str] = "psi-card/v1"

    lab: LabName
    address: str
    tls_certificate: _Base64
    document_key: _VerifierKey
    log_key: _VerifierKey
    log_origin: str
    cosigner_key: _VerifierKey
    sealing_key: Hex32
    created: Instant

    @classmethod
    def read(cls, note: bytes) -> Card:
        """Read a card that its own document key signed.

        Raises InvalidNote, InvalidText, InvalidSignature or InvalidCertificate, by what is wrong with it.
        """
        card = cls.unverified(note)
        return cls.open(note, card.document_verifier)

    @model_validator(mode="after")
    def _checked(self) -> Self:
        check_address(self.address)
        check_log_origin(self.log_origin, self.lab)
        _check_key("document_key", self.document_verifier, self.lab, ED25519)
        _check_key("log_key", self.log_verifier, self.log_origin, ED25519)
        _check_key("cosigner_key", self.cosigner_verifier, self.lab, COSIGNATURE)
        keys = (self.document_verifier, self.log_verifier, self.cosigner_verifier)
        if len({key.public_key for key in keys}) != len(keys):
            raise InvalidText("card: document, log and cosigner key have to be three different keys")
        check_public(bytes.fromhex(self.sealing_key))
        check_shape(self.certificate_der, self.lab)
        return self

    def fingerprint(self) -> bytes:
        """SHA-256 over the card's whole text, 32 bytes."""
        return self.hash()

    def fingerprint_words(self) -> str:
        """The fingerprint in 16 groups of four hexadecimal digits, to be read aloud."""
        return in_fours(self.fingerprint())

    @property
    def document_verifier(self) -> Verifier:
        """The key that signs this lab's texts."""
        return Verifier.parse(self.document_key)

    @property
    def log_verifier(self) -> Verifier:
        """The key that signs this lab's checkpoints."""
        return Verifier.parse(self.log_key)

    @property
    def cosigner_verifier(self) -> Verifier:
        """The key with which this lab cosigns others' checkpoints."""
        return Verifier.parse(self.cosigner_key)

    @property
    def certificate_der(self) -> bytes:
        """The TLS certificate, DER; raises InvalidText when its base64 is not canonical."""
        try:
            der = base64.b64decode(self.tls_certificate, validate=True)
        except (binascii.Error, ValueError) as fault:
            raise InvalidText("card: tls_certificate is not base64") from fault
        if base64.b64encode(der).decode() != self.tls_certificate:
            raise InvalidText("card: tls_certificate is not canonical base64")
        return der

    @property
    def pin(self) -> bytes:
        """SHA-256 of the TLS certificate's DER, 32 bytes."""
        return certificate_pin(self.certificate_der)


def in_fours(value: bytes) -> str:
    """Hexadecimal digits in groups of four, to be read aloud and compared."""
    digits = value.hex()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def renews(before: Card, card: Card) -> bool:
    """Whether a card is the same lab's with a later log and nothing else new (see psi_core.log.succession)."""
    same = {"log_key", "log_origin", "created"}
    if before.model_dump(exclude=same) != card.model_dump(exclude=same):
        return False
    return number_of(card.log_origin) > number_of(before.log_origin)


def check_address(address: str) -> None:
    """Raise InvalidText unless it is `host:port` (lower-case name, IPv4, or IPv6 address in brackets)."""
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found["port"]) > 65535:
        raise InvalidText("address: write it as host:port, for example psi.lab-a.example:7443")


def check_log_origin(origin: str, lab: str) -> None:
    """Raise InvalidText unless it is `<lab>/psi-log`, or `<lab>/psi-log/<n>` after a new start of the log."""
    base = lab + LOG_ORIGIN_SUFFIX
    generation = origin.removeprefix(base)
    if not origin.startswith(base) or (generation and not _GENERATION.fullmatch(generation)):
        raise InvalidText("log_origin: it is the lab's name and /psi-log, or that and /<n>")


def _check_key(field: str, verifier: Verifier, name: str, kind: NoteType) -> None:
    if verifier.name != name or verifier.type is not kind:
        raise InvalidText(f"card: {field} has another name or type than a card's {field} has")
