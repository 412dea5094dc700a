"""Messages that are no protobuf: a call with one ends like any other that is refused, in the log and the metrics too.

gRPC itself would end it with UNKNOWN or INTERNAL, and log a stack trace.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from typing_extensions import override

from wavesynth.server.admission import Admission
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.messages import Aside, Received

__all__ = ["RefuseMalformed"]


class RefuseMalformed(grpc.aio.ServerInterceptor):
    """Ends calls with INVALID_ARGUMENT for a message that cannot be decoded, whichever service they are for.

    All methods take streams of messages, and write their answers: `Intake` (intake.py) has made them so. Large messages
    are decoded `aside`.
    """

    def __init__(self, admission: Admission, aside: Aside) -> None:
        self._admission, self._aside = admission, aside

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """The method's handler, with what looks at its messages before it."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        method = handler_call_details.method.rpartition("/")[2]
        kind = "stream_stream" if handler.response_streaming else "stream_unary"
        changes = {
            "request_deserializer": partial(Received, handler.request_deserializer),
            kind: self._of_many(method, getattr(handler, kind)),
        }
        return handler._replace(**changes)

    def _of_many(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        """Where a method does not refuse what its requests raise, this does."""

        async def call(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> Any:
            try:
                try:
                    async with aclosing(_whole(requests, self._aside)) as whole:
                        return await behaviour(whole, context)
                except RefusedError as refusal:
                    await self._admission.refuse(method, context, refusal)
            except BaseException as error:
                _forget(error)
                raise

        return call


def _forget(error: BaseException) -> None:
    """Takes from an exception where it has been. gRPC keeps the one that ends a call with the call, which all these
    places know: so what the caller has sent would stay until garbage is collected, megabytes of many calls."""
    error.__traceback__ = error.__context__ = error.__cause__ = None


async def _whole(requests: AsyncIterator[Received], aside: Aside) -> AsyncGenerator[Any, None]:
    """The messages, until one is malformed. Raises RefusedError."""
    number = 0
    stream: Any = aiter(requests)
    async with aclosing(stream):
        async for received in stream:
            number += 1
            try:
                yield await received.take(aside)
            except DecodeError:
                raise invalid(
                    f"message {number} is malformed: its {received.size} bytes are no protobuf message that this "
                    "method takes"
                ) from None
