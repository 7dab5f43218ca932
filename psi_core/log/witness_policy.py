"""Trust policies (c2sp.org/tlog-policy): which logs are known, and whose cosignatures a checkpoint needs.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...        at least k of its members have witnessed
    quorum <name>|none                        exactly once

Items are separated by spaces and tabs; empty lines and lines starting with # are ignored. A name is defined
before it is used, and is a member of one group at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from psi_core.errors import InvalidSignature, InvalidText
from psi_core.log.key import COSIGNATURE, ED25519, NoteType, Verifier
from psi_core.log.note import Note

MAX_POLICY = 64 * 1024
MAX_DEFINITIONS = 64
"""Most logs, most witnesses and most groups; the specification asks for 32 of each."""
NONE = "none"

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile("[1-9][0-9]{0,3}")


@dataclass(frozen=True)
class Group:
    """A group has witnessed what at least `threshold` of its `members` (witnesses or groups) have."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class WitnessPolicy:
    """Logs and witnesses by key, groups in the order of their definition, and the name of the quorum.

    `urls` has the submission prefix of those witnesses that give one, by name.
    """

    logs: tuple[Verifier, ...]
    witnesses: dict[str, Verifier]
    groups: dict[str, Group]
    quorum: str
    urls: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> WitnessPolicy:
        """Read a policy of at most 64 KiB; raises InvalidText, naming the line."""
        if len(data) > MAX_POLICY or _FORBIDDEN.search(data):
            raise InvalidText(
                f"a witness policy is longer than {MAX_POLICY} bytes, or has control characters"
            )
        reader = _Reader()
        # Octets above ASCII are opaque to the format: names are compared as they are.
        for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
            items = [item for item in re.split("[ \t]+", line) if item]
            if not items or items[0].startswith("#"):
                continue
            try:
                reader.take(items)
            except InvalidText as error:
                raise InvalidText(f"witness policy, line {number}: {error}") from None
        return reader.policy()

    def check(self, note: Note) -> tuple[Verifier, ...]:
        """Check that one of the logs signed the note (when any are listed) and that its cosigners are a quorum.

        Returns the witnesses that cosigned. Raises InvalidSignature: for a missing quorum, and for a wrong
        signature by any key of the policy.
        """
        if self.logs:
            note.verified_by(*self.logs)
        known = tuple(self.witnesses.values())
        present = {(each.name, each.key_id) for each in note.signatures}
        signed = tuple(each for each in known if (each.name, each.key_id) in present)
        if signed:
            note.verified_by(*signed)
        witnessed = {name for name, key in self.witnesses.items() if key in signed}
        for name, group in self.groups.items():
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(name)
        if self.quorum != NONE and self.quorum not in witnessed:
            raise InvalidSignature(
                f"the cosignatures of {len(signed)} of {len(known)} witnesses are no quorum of the policy"
            )
        return signed


class _Reader:
    """Takes a policy line by line."""

    def __init__(self) -> None:
        self._logs: list[Verifier] = []
        self._witnesses: dict[str, Verifier] = {}
        self._urls: dict[str, str] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum: str | None = None

    def take(self, items: list[str]) -> None:
        keyword, *rest = items
        if keyword == "log" and len(rest) in {1, 2}:
            self._logs.append(_key(rest[0], ED25519, self._logs))
        elif keyword == "witness" and len(rest) in {2, 3}:
            self._define(rest[0])
            self._witnesses[rest[0]] = _key(rest[1], COSIGNATURE, self._witnesses.values())
            if len(rest) == 3:
                self._urls[rest[0]] = rest[2]
        elif keyword == "group" and len(rest) >= 3:
            self._group(*rest)
        elif keyword == "quorum" and len(rest) == 1 and self._quorum is None:
            if rest[0] != NONE:
                self._check_defined(rest[0])
            self._quorum = rest[0]
        else:
            raise InvalidText("this is no log, witness or group line, nor the one quorum line")
        if max(len(self._logs), len(self._witnesses), len(self._groups)) > MAX_DEFINITIONS:
            raise InvalidText(f"more than {MAX_DEFINITIONS} logs, witnesses or groups")

    def policy(self) -> WitnessPolicy:
        if self._quorum is None:
            raise InvalidText("a witness policy has no quorum line")
        return WitnessPolicy(tuple(self._logs), self._witnesses, self._groups, self._quorum, self._urls)

    def _group(self, name: str, threshold: str, *members: str) -> None:
        for member in members:
            self._check_defined(member)
            if member in self._members:
                raise InvalidText("a name is a member twice: each witness may count in one way only")
            self._members.add(member)
        self._define(name)
        self._groups[name] = Group(_threshold(threshold, len(members)), members)

    def _define(self, name: str) -> None:
        if name == NONE or name in self._witnesses or name in self._groups:
            raise InvalidText("a name is defined twice, or is the predefined `none`")

    def _check_defined(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise InvalidText("a name is used before any line defines it")


def _threshold(text: str, members: int) -> int:
    if text in {"all", "any"}:
        return members if text == "all" else 1
    value = int(text) if _THRESHOLD.fullmatch(text) else 0
    if not 1 <= value <= members:
        raise InvalidText("a group's threshold is `all`, `any`, or a number from 1 to that of its members")
    return value


def _key(vkey: str, type: NoteType, others: Iterable[Verifier]) -> Verifier:
    verifier = Verifier.parse(vkey)
    if verifier.type is not type:
        raise InvalidText("a key is of another type: logs sign with 0x01, witnesses cosign with 0x04")
    if any(each.public_key == verifier.public_key for each in others):
        raise InvalidText("a public key is listed twice")
    return verifier
