"""The seam between a session and what carries it: frames one by one, in both directions.

The initiator's end is made by `PeerClient.run`, the responder's by `responder_stream.answer` in the node; a
test may put two queues in their place.
"""

from __future__ import annotations

from typing import Protocol

from psi_core.wire.session_pb2 import SessionFrame


class SessionStream(Protocol):
    """One end of one session's stream. One task sends and one receives at a time, side by side.

    A call that is cancelled (a timeout, a task group that fails) leaves the stream usable, so that an Abort
    can still be sent: the frame on its way out still leaves, a frame on its way in is the next `receive`'s.
    """

    async def send(self, frame: SessionFrame) -> None:
        """Hand over one frame; waits while the other side is slower. Raises what `receive` raises."""

    async def receive(self) -> SessionFrame:
        """The next frame.

        Raises PeerUnreachable when the other side is gone, has ended the stream or is no longer a peer;
        SessionAborted when either node stops; Refused, ProtocolFault or PeerError when the other said so.
        """

    async def close(self) -> None:
        """Say that no further frame follows, and let what was sent arrive. Never raises a PeerError."""

    def cancel(self) -> None:
        """End the stream at once; what is under way on it raises PeerUnreachable."""
