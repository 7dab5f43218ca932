"""Bearer tokens of the admin port: who may do what, until when.

A token is 32 random bytes, shown once when it is made. The store keeps its SHA-256 alone: of a value with 256
random bits a plain hash gives nothing away, and a stolen store opens no door.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlite_utils import Database

from psi_core.errors import Conflict, InputError, NotFound, Unauthenticated
from psi_core.log.entry import EntryKind
from psi_core.log.signed_text import Instant, ShortText
from psi_service.clock import Clock, instant
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

TOKEN_BYTES = 32
# Scanners for leaked secrets know by it what they found.
_PREFIX = "psi_"
_NAME: TypeAdapter[str] = TypeAdapter(ShortText)
_NO_ENTRY = "no valid token was given: it is unknown, expired or revoked"


class Role(StrEnum):
    """What a token's holder may do; psi_service.http_api.access says it route by route."""

    OPERATOR = "operator"
    ANALYST = "analyst"
    AUDITOR = "auditor"


class TokenView(BaseModel):
    """A token as it is listed: all but the token."""

    model_config = ConfigDict(frozen=True)

    id: int = Field(description="Its number, by which it is revoked.")
    name: ShortText = Field(description="Whose it is, for people.")
    role: Role
    created: Instant
    expires: Instant | None = Field(
        description="From this moment on it opens nothing; null: it does not expire."
    )
    revoked: Instant | None = None


class NewToken(BaseModel):
    """A token just made: the only time that it is shown."""

    model_config = ConfigDict(frozen=True)

    token: str = Field(repr=False, description="The bearer token: `psi_` and 43 characters. It is not kept.")
    view: TokenView


class Tokens:
    """Makes, checks, lists and revokes tokens; making and revoking are entries of the log."""

    def __init__(self, store: Store, log: NodeLog, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock

    async def create(self, name: str, role: Role, lifetime: timedelta | None = None) -> NewToken:
        """A new token for `name` (1 to 200 visible characters).

        Raises InputError when the name or the lifetime will not do, NodeRefusing.
        """
        _check_name(name)
        if lifetime is not None and lifetime <= timedelta(0):
            raise InputError(
                "a token's lifetime is more than nothing; leave it out for one that does not expire"
            )
        token = _PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock()
        expires = None if lifetime is None else instant(now + lifetime)

        def work(db: Database) -> TokenView:
            row = {"name": name, "role": role.value, "created": instant(now), "expires": expires}
            number = db.table("tokens").insert({**row, "hash": _hash(token)}).last_pk
            # Auditors read the log: staff are in it by the token's number, not by name.
            body = {"action": "token-created", "token": number, "role": role.value}
            self._log.append(db, EntryKind.ADMIN, body if expires is None else {**body, "expires": expires})
            return TokenView.model_validate({"id": number, **row})

        view = await self._store.transaction(work)
        return NewToken(token=token, view=view)

    async def check(self, token: str) -> TokenView:
        """Whose token this is. Raises Unauthenticated, in the same words whatever is wrong with it.

        Every live token is compared in full, so the time taken says nothing about any of them.
        """
        offered = _hash(token)
        rows = await self._store.query(lambda db: list(db["tokens"].rows_where("revoked IS NULL")))
        found = [row for row in rows if hmac.compare_digest(row["hash"], offered)]
        if not found or (found[0]["expires"] is not None and found[0]["expires"] <= instant(self._clock())):
            raise Unauthenticated(_NO_ENTRY)
        return _view(found[0])

    async def list(self) -> tuple[TokenView, ...]:
        """Every token ever made, oldest first, expired and revoked ones too."""
        rows = await self._store.query(lambda db: list(db["tokens"].rows_where(order_by="id")))
        return tuple(_view(row) for row in rows)

    async def revoke(self, number: int) -> TokenView:
        """Make a token worthless from now on. Raises NotFound, Conflict when it is already, NodeRefusing."""

        def work(db: Database) -> TokenView:
            row = next(iter(db["tokens"].rows_where("id = ?", [number])), None)
            if row is None:
                raise NotFound(f"there is no token {number}; the list of tokens gives their numbers")
            if row["revoked"] is not None:
                raise Conflict(f"token {number} was revoked already, at {row['revoked']}")
            revoked = instant(self._clock())
            db.table("tokens").update(number, {"revoked": revoked})
            self._log.append(db, EntryKind.ADMIN, {"action": "token-revoked", "token": number})
            return _view({**row, "revoked": revoked})

        return await self._store.transaction(work)


def _check_name(name: str) -> None:
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise InputError("a token's name says whose it is, in 1 to 200 visible characters") from None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _view(row: dict[str, object]) -> TokenView:
    return TokenView.model_validate({key: value for key, value in row.items() if key != "hash"})
