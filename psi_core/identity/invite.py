"""An invite to a consortium: its key, sealed for one lab's card, in a note that the inviting lab signed."""

from __future__ import annotations

import hmac
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from psi_core.errors import InvalidText, VerificationError
from psi_core.identity.card import Card
from psi_core.identity.sealing_key import KEY_LENGTH, OVERHEAD, SealingKey
from psi_core.identity.sealing_key import seal as seal_for
from psi_core.kinds.fields import lengths
from psi_core.kinds.fingerprint import key_id as id_of_key
from psi_core.log.key import Signer
from psi_core.log.signed_text import Hex32, Instant, LabName, ShortText, SignedText

_LABEL = "psi-invite/v1"
_Sealed = Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{2 * (KEY_LENGTH + OVERHEAD)}}}$")]
_KeyId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
_Profile = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_.-]{0,31}$")]


class Invite(SignedText):
    """The signed text. `enc` and `ciphertext` are HPKE's, hex; `key_id` names the consortium key inside."""

    TYPE: ClassVar[str] = _LABEL

    sender: LabName
    recipient: LabName
    consortium: ShortText
    key_id: _KeyId
    profile: _Profile
    enc: Hex32
    ciphertext: _Sealed
    created: Instant

    @classmethod
    def seal(
        cls,
        consortium_key: bytes,
        *,
        signer: Signer,
        recipient: Card,
        consortium: str,
        profile: str,
        created: str,
    ) -> bytes:
        """Seal a 32-byte consortium key for `recipient` and sign the invite with the sender's document key.

        Returns the note. Raises InvalidText for a key of another length.
        """
        if len(consortium_key) != KEY_LENGTH:
            raise InvalidText(f"a consortium key has {KEY_LENGTH} bytes")
        sender = signer.verifier.name
        key_id = id_of_key(consortium_key)
        enc, ciphertext = seal_for(
            bytes.fromhex(recipient.sealing_key),
            consortium_key,
            info=_info(sender, recipient.lab, key_id),
            aad=_aad(consortium, profile, created),
        )
        invite = cls(
            sender=sender,
            recipient=recipient.lab,
            consortium=consortium,
            key_id=key_id,
            profile=profile,
            enc=enc.hex(),
            ciphertext=ciphertext.hex(),
            created=created,
        )
        return invite.signed(signer)

    @classmethod
    def read(cls, note: bytes, *, sender: Card, recipient: str) -> Invite:
        """Read an invite that `sender` signed for the lab `recipient`; its key stays sealed.

        Raises InvalidNote, InvalidText, InvalidSignature, or VerificationError when another lab is meant.
        """
        invite = cls.open(note, sender.document_verifier)
        if invite.sender != sender.lab or invite.recipient != recipient:
            raise VerificationError("the invite is from or for another lab; ask for one made for this lab")
        return invite

    def open_key(self, sealing_key: SealingKey) -> bytes:
        """The 32-byte consortium key; raises VerificationError unless it opens and has the signed id."""
        key = sealing_key.open(
            bytes.fromhex(self.enc),
            bytes.fromhex(self.ciphertext),
            info=_info(self.sender, self.recipient, self.key_id),
            aad=_aad(self.consortium, self.profile, self.created),
        )
        if not hmac.compare_digest(id_of_key(key).encode(), self.key_id.encode()):
            raise VerificationError(
                "the invite holds another key than the one it names; ask for a new invite"
            )
        return key


def _info(sender: str, recipient: str, key_id: str) -> bytes:
    return lengths(_LABEL, sender, recipient, key_id)


def _aad(consortium: str, profile: str, created: str) -> bytes:
    return lengths(consortium, profile, created)
