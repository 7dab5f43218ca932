"""What every call on the peer port passes, whichever service it is for.

handshake (pinned roots) ─▶ gate: leaf certificate pinned? ─▶ entered as open ─▶ servicer
                              │ no: UNAUTHENTICATED                              │ an error
                              ▼                                                  ▼
                            status.abort: code, sentence, slug; never a traceback
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from psi_client.quiet_grpc import grpc
from psi_core.errors import ProtocolFault
from psi_service.grpc_server.identity import CallerCheck
from psi_service.grpc_server.status import abort
from psi_service.peers.open_calls import OpenCalls

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class PeerGate(grpc.aio.ServerInterceptor):
    """Identity, cancellation and error translation around every servicer method."""

    def __init__(self, callers: CallerCheck, calls: OpenCalls) -> None:
        self._callers = callers
        self._calls = calls

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler; None (an unknown method) stays None."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        if handler.response_streaming:
            return self._streaming(handler, handler_call_details.method)
        return self._unary(handler, handler_call_details.method)

    def _unary(self, handler: Handler, call: str) -> Handler:
        behaviour: Any = handler.unary_unary
        parse = _parser(handler)

        async def guarded(request: bytes, context: Context) -> Any:
            async def serve() -> Any:
                return await behaviour(parse(request), context)

            return await self._pass(call, context, serve)

        # The bytes are parsed inside the gate: outside it gRPC would tell the peer of our exception.
        return grpc.unary_unary_rpc_method_handler(guarded, None, handler.response_serializer)

    def _streaming(self, handler: Handler, call: str) -> Handler:
        behaviour: Any = handler.stream_stream or handler.unary_stream
        parse = _parser(handler)

        async def guarded(requests: Any, context: Context) -> None:
            # Sent here, where OpenCalls cannot cancel it: a first write that is cancelled half-way leaves grpc.aio
            # to send it a second time with the status of `abort`, and that waits for ever.
            await context.send_initial_metadata(())

            async def serve() -> None:
                answers = behaviour(requests if handler.request_streaming else parse(requests), context)
                if inspect.isawaitable(answers):
                    await answers
                    return
                async for answer in answers:
                    await context.write(answer)

            await self._pass(call, context, serve)

        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(guarded, parse, handler.response_serializer)
        return grpc.unary_stream_rpc_method_handler(guarded, None, handler.response_serializer)

    async def _pass(self, call: str, context: Context, serve: Callable[[], Awaitable[T]]) -> T:
        try:
            with self._calls.serving(self._callers.identify(context).lab):
                return await serve()
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the peer gets a status
            await abort(context, error, call=call)


def _parser(handler: Handler) -> Callable[[bytes], Any]:
    deserialize: Any = handler.request_deserializer

    def parse(data: bytes) -> Any:
        try:
            return deserialize(data)
        except Exception as fault:
            raise ProtocolFault("these bytes are not a message of the expected type") from fault

    return parse
