"""How messages are read: the first one in time, and of all calls together no more than there is memory for.

gRPC reads the message of a unary call before it calls the method. Here such a call is taken as a stream of one message,
which is the same on the wire, so that a caller is known before anything is read.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
from typing_extensions import override

from wavesynth.server.admission import Admission
from wavesynth.server.budget import InputBudget, Reserved
from wavesynth.server.callers import address_of, client_of
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.messages import message_size
from wavesynth.server.waiting import within
from wavesynth.v1 import MAX_MESSAGE

__all__ = ["Intake"]

#: The methods that keep all their input until the last of it is there.
_KEPT = ("/Score",)


class Intake(grpc.aio.ServerInterceptor):
    """Reads the messages of all calls; those of `guarded`, services' names, from callers with the token only."""

    def __init__(self, admission: Admission, guarded: tuple[str, ...]) -> None:
        self._admission, self._limits = admission, admission.limits
        self._guarded = tuple(f"/{name}/" for name in guarded)
        self._budget = InputBudget(self._limits.input_bytes, self._limits.share)
        self._calls: Counter[str] = Counter()

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """The method's handler, with what reads its messages before it."""
        handler: Any = await continuation(handler_call_details)
        if not handler:  # there is no such method
            return handler
        method = handler_call_details.method
        given, sent = (
            "stream" if streaming else "unary"
            for streaming in (handler.request_streaming, handler.response_streaming)
        )
        behaviour = _writing(getattr(handler, f"{given}_{sent}"))
        wrap = self._of_many if handler.request_streaming else self._of_one
        changes = {f"{given}_{sent}": None, f"stream_{sent}": wrap(method, behaviour)}
        return handler._replace(request_streaming=True, **changes)

    def _of_one(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        """For a method that takes one message."""

        async def call(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> Any:
            with self._call(context) as reserved:
                try:
                    self._check(method, context, reserved.client)
                    read = [await self._first(requests, reserved)]
                    if read[0] is None:
                        raise invalid("the request is missing")
                except RefusedError as refusal:
                    return await self._admission.refuse(method.rpartition("/")[2], context, refusal)
                return await behaviour(read.pop(), context)  # which may drop it when it has looked at it

        return call

    def _of_many(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        """For a method that takes a stream of them; it refuses what its requests raise."""

        async def messages(
            requests: AsyncIterator[Any], context: grpc.aio.ServicerContext, reserved: Reserved
        ) -> AsyncGenerator[Any, None]:
            self._check(method, context, reserved.client)
            request, kept = await self._first(requests, reserved), 0
            while request is not None:
                kept += message_size.get() if method.endswith(_KEPT) else 0
                yield request
                request = await anext(requests, None)
                reserved.set(kept + (0 if request is None else message_size.get()))

        async def call(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> Any:
            with self._call(context) as reserved:
                async with aclosing(messages(requests, context, reserved)) as read:
                    return await behaviour(read, context)

        return call

    @contextmanager
    def _call(self, context: grpc.aio.ServicerContext) -> Iterator[Reserved]:
        """Counts a call of its client; the room for its input, which it has until it ends."""
        client = client_of(address_of(context), self._limits)
        self._calls[client] += 1
        try:
            with self._budget.call(client) as reserved:
                yield reserved
        finally:
            self._calls[client] -= 1
            if not self._calls[client]:
                del self._calls[client]

    def _check(self, method: str, context: grpc.aio.ServicerContext, client: str) -> None:
        """Raises RefusedError for a caller without the token, and for one with too many calls."""
        if method.startswith(self._guarded):
            self._admission.check(method.rpartition("/")[2], context)
        most = max(1, int(self._limits.share * self._limits.calls))
        if client and self._calls[client] > most:
            sentence = f"{client} has {most} calls under way; a client may have so many at most"
            raise RefusedError.full(sentence, 1.0, "calls")

    async def _first(self, requests: AsyncIterator[Any], reserved: Reserved) -> Any:
        """The first message, for which there is room however long it is; None if there is none."""
        seconds = self._limits.first_message
        async with within(seconds, self._budget.full()):
            await reserved.wait_for(MAX_MESSAGE)
        sentence = (
            f"no message came in time; the first may take {seconds:g} seconds, and one while others wait"
        )
        async with within(seconds, RefusedError(grpc.StatusCode.DEADLINE_EXCEEDED, sentence)) as limit:
            with self._budget.reading(limit):
                request = await anext(requests, None)
        reserved.set(0 if request is None else message_size.get())
        return request


def _writing(behaviour: Callable[..., Any]) -> Callable[..., Any]:
    """A method that writes its answer, where it was one that yields it: so there is one kind of method to wrap."""
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour

    async def call(given: Any, context: grpc.aio.ServicerContext) -> None:
        async for response in behaviour(given, context):
            await context.write(response)

    return call
