"""The stream of one session, with order, size and time enforced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Literal, TypeVar, cast

from psi_client.session_stream import SessionStream
from psi_client.wire_bounds import check_hash, check_session_id
from psi_core.errors import PeerUnreachable, ProtocolFault, SessionAborted, VerificationError
from psi_core.log.key import Verifier
from psi_core.log.note import Note
from psi_core.session.opening import Abort
from psi_core.wire.session_pb2 import Begin, Checkpoint, EngineFrame, Result, Resume, Resumed, SessionFrame

FRAME_BYTES = 1 << 20
NOTE_BYTES = 64 << 10

T = TypeVar("T")
Body = bytes | Begin | EngineFrame | Result | Checkpoint | Resume | Resumed
Name = Literal[
    "offer",
    "accept",
    "refuse",
    "begin",
    "engine",
    "pre_record",
    "result",
    "record",
    "checkpoint",
    "abort",
    "resume",
    "resumed",
]


class Conversation:
    """One session's frames, sent and expected by name.

    `idle_seconds` bounds the wait for each single frame. `peer` verifies the other lab's Abort; it is set as soon
    as the other lab is known.
    """

    def __init__(self, stream: SessionStream, *, idle_seconds: float, peer: Verifier | None = None) -> None:
        self._stream = stream
        self._idle_seconds = idle_seconds
        self._writing = asyncio.Lock()
        self.peer = peer
        self.bytes_sent = 0
        self.bytes_received = 0

    async def send(self, name: Name, body: Body) -> None:
        """Send one frame; waits while the peer is slower than we are. Raises PeerUnreachable when it is gone."""
        frame = _framed(name, body)
        async with self._writing:
            await self._within(self._stream.send(frame), "take the next frame")
        self.bytes_sent += frame.ByteSize()

    async def expect(self, *names: Name) -> tuple[Name, Body]:
        """The next frame, which must be one of `names`.

        Raises SessionAborted when the peer ended the session, ProtocolFault when the frame is out of order, empty
        or oversized, PeerUnreachable when the peer is gone or silent for too long.
        """
        frame = await self._within(self._stream.receive(), "send the next frame")
        self.bytes_received += frame.ByteSize()
        name = frame.WhichOneof("body")
        if name is None:
            raise ProtocolFault("the peer sent an empty frame")
        body = cast(Body, getattr(frame, name))
        _check_size(name, body)
        if name == "abort" and "abort" not in names:
            raise self._aborted(cast(bytes, body))
        if name not in names:
            raise ProtocolFault(f"the peer sent {name} where {' or '.join(names)} was due")
        return cast(Name, name), body

    async def close(self) -> None:
        """Say that no further frame follows, and let what was sent arrive."""
        await self._stream.close()

    async def expect_note(self, name: Name) -> bytes:
        """The next frame, which must be the signed note `name`; its bytes, unverified."""
        _, body = await self.expect(name)
        return cast(bytes, body)

    def _aborted(self, note: bytes) -> SessionAborted:
        if self.peer is None:
            return SessionAborted("the peer ended the session")
        try:
            abort = Abort.open(note, self.peer)
        except VerificationError:
            return SessionAborted("the peer ended the session with a text that does not verify")
        if abort.by != self.peer.name:
            return SessionAborted("the peer ended the session in another lab's name")
        signed = Note.parse(note).only_by(self.peer).render()
        return SessionAborted(f"{abort.by} ended the session: {abort.words} ({abort.code})", note=signed)

    async def _within(self, step: Awaitable[T], what: str) -> T:
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await step
        except TimeoutError as error:
            raise PeerUnreachable(
                f"the peer did not {what} within {self._idle_seconds:.0f} s", fault="timeout"
            ) from error


def _framed(name: Name, body: Body) -> SessionFrame:
    fields: dict[str, Any] = {name: body}
    return SessionFrame(**fields)


def _check_size(name: str, body: Body) -> None:
    if isinstance(body, bytes) and len(body) > NOTE_BYTES:
        raise ProtocolFault(f"the peer's {name} is larger than {NOTE_BYTES:,} bytes")
    if isinstance(body, EngineFrame) and len(body.payload) > FRAME_BYTES:
        raise ProtocolFault(f"an engine frame is larger than {FRAME_BYTES:,} bytes")
    if isinstance(body, Resume):
        check_session_id(body.session_id)
        check_hash("the context of a Resume", body.ctx)
