"""What two nodes tell each other about themselves in Hello, and how it is read from the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psi_client.wire_bounds import check_hash, check_word, check_words
from psi_core.errors import InvalidText, ProtocolFault
from psi_core.identity.instant import instant, moment
from psi_core.wire.peers_pb2 import HelloReply, HelloRequest


@dataclass(frozen=True)
class NodeFacts:
    """One node, as it describes itself: nothing here is secret, and a pinned peer may know all of it.

    `protocols` are the session protocols it speaks, best first; `consortium_key_id` is empty while it has
    joined no consortium; `card_fingerprint` has 32 bytes.
    """

    lab: str
    protocols: tuple[str, ...]
    profile: str
    consortium_key_id: str
    card_fingerprint: bytes
    version: str

    def request(self, now: datetime) -> HelloRequest:
        """Hello as the caller."""
        return HelloRequest(
            lab=self.lab,
            protocols=self.protocols,
            time=instant(now),
            profile=self.profile,
            consortium_key_id=self.consortium_key_id,
            card_fingerprint=self.card_fingerprint,
        )

    def reply(self, now: datetime) -> HelloReply:
        """Hello as the callee."""
        return HelloReply(
            lab=self.lab,
            protocols=self.protocols,
            time=instant(now),
            profile=self.profile,
            consortium_key_id=self.consortium_key_id,
            card_fingerprint=self.card_fingerprint,
            version=self.version,
        )


@dataclass(frozen=True)
class Greeting:
    """What the other node said of itself, and what its clock showed (UTC)."""

    facts: NodeFacts
    time: datetime


def check_request(request: HelloRequest) -> None:
    """Raise ProtocolFault unless every field of a caller's Hello has its form."""
    _check(request)


def read_reply(reply: HelloReply, lab: str) -> Greeting:
    """Read a reply of `lab`; raises ProtocolFault when a field is malformed or it names another lab."""
    time = _check(reply)
    check_word("version", reply.version)
    if reply.lab != lab:
        raise ProtocolFault(f"the node at the address of {lab} says that it is another lab's")
    facts = NodeFacts(
        lab=lab,
        protocols=tuple(reply.protocols),
        profile=reply.profile,
        consortium_key_id=reply.consortium_key_id,
        card_fingerprint=reply.card_fingerprint,
        version=reply.version,
    )
    return Greeting(facts, time)


def _check(hello: HelloRequest | HelloReply) -> datetime:
    check_words("protocols", hello.protocols)
    check_word("profile", hello.profile)
    check_word("consortium key id", hello.consortium_key_id, optional=True)
    check_hash("the card's fingerprint", hello.card_fingerprint)
    try:
        return moment(hello.time)
    except InvalidText as fault:
        raise ProtocolFault("the time in Hello is not written as 2026-11-24T09:30:00Z") from fault
