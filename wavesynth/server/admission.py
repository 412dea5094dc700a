"""What every call of the server goes through: who may call, how many calls there are, how each one ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import grpc

from wavesynth.server.call_metrics import Metrics
from wavesynth.server.callers import address_of
from wavesynth.server.errors import RefusedError
from wavesynth.server.limits import Limits
from wavesynth.server.request_ids import HEADER, request_id_of
from wavesynth.server.telemetry import Call, log
from wavesynth.server.tokens import ADMIN, Bearer, Tokens
from wavesynth.server.tracing import Tracing
from wavesynth.server.waiting import within

__all__ = ["Admission"]

#: What a token must allow for a method; to make audio, for all others.
_SCOPES = {
    "ListVoices": "list",
    "ListImageModels": "list",
    "SampleImage": "images",
    "CompleteImage": "images",
    "Score": "score",
    "Reload": ADMIN,
}
#: Seconds in which a call that has ended should have taken its status.
_LAST_WORDS = 1.0


class Admission:
    """Admits calls; with `tokens`, those who send one of them as `authorization: Bearer TOKEN`. None lasts longer than
    the `limits` say."""

    def __init__(
        self,
        metrics: Metrics,
        tokens: Callable[[], Tokens] | None = None,
        limits: Limits | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._metrics, self._tokens, self._tracing = metrics, tokens, tracing
        self.limits = limits or Limits()
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    @asynccontextmanager
    async def call(
        self, method: str, context: grpc.aio.ServicerContext, checked: bool = True
    ) -> AsyncIterator[Call]:
        """One call, from its admission to the line in the log; what is raised inside becomes its status. If it is not
        `checked`, nobody asks who calls.

        Its trailing metadata names the request, as `Call.request_id`.
        """
        call = Call(method, self._metrics, request_id_of(context), address_of(context))
        code, message, reason = "OK", "", ""
        self._calls += 1
        self._idle.clear()
        call.begins()
        if self._tracing is not None:
            call.span = self._tracing.begin(call, context.invocation_metadata() or ())
        context.set_trailing_metadata(((HEADER, call.request_id),))
        try:
            if checked and (bearer := self.check(method, context)) is not None:
                call.bearer = bearer if bearer.token.name else None
                bearer.begins()
            longest = self.limits.call
            sentence = f"the call has lasted {longest:g} seconds; it may last so long at most"
            async with within(longest, RefusedError(grpc.StatusCode.DEADLINE_EXCEEDED, sentence)):
                yield call
        except RefusedError as refusal:
            code, message, reason = refusal.code.name, refusal.logged, refusal.reason
            # Under no other name: what knows its own traceback stays, with all that the caller has sent.
            await _abort(
                context,
                _internal(call, refusal.metadata) if refusal.code is grpc.StatusCode.INTERNAL else refusal,
                call,
            )
        except asyncio.CancelledError:
            left = context.time_remaining()
            code = "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
            raise
        except Exception as error:
            code, message = "INTERNAL", "the service failed"
            log("a call failed", "error", method=method, request_id=call.request_id, exc_info=error)
            await _abort(context, _internal(call), call)
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
            call.ended(code, message, reason)

    async def drain(self, grace: float) -> None:
        """Refuses new calls from now on, and waits until those under way have ended, at most `grace` seconds."""
        self._draining = True
        log(
            "ending: new calls are refused, and those under way have some seconds",
            calls=self._calls,
            seconds=grace,
        )
        try:
            await asyncio.wait_for(self._idle.wait(), grace)
        except TimeoutError:
            log("calls cut off", "warning", calls=self._calls)

    async def refuse(
        self,
        method: str,
        context: grpc.aio.ServicerContext,
        refusal: RefusedError,
        checked: bool = True,
    ) -> None:
        """Ends a call that did not begin; it has a line in the log like any other. Who calls without a token is told
        that instead, unless the call cannot be `checked`, since it does not say who calls."""
        async with self.call(method, context, checked):
            raise refusal

    def check(self, method: str, context: grpc.aio.ServicerContext) -> Bearer | None:
        """Whose token a call has; None if callers need none. Raises RefusedError without one that allows the method,
        and for everybody while the server ends."""
        if self._draining:
            raise RefusedError(grpc.StatusCode.UNAVAILABLE, "the service is shutting down")
        given = str(dict(context.invocation_metadata() or ()).get("authorization", ""))
        return self.bearer(given, _SCOPES.get(method, "synthesise"))

    def bearer(self, authorization: str, scope: str) -> Bearer | None:
        """Whose token it is; None if callers need none. Raises RefusedError for who sends none that allows `scope`.
        From any thread."""
        if self._tokens is not None:
            return self._tokens().bearer(authorization, scope)
        if scope == ADMIN:
            sentence = (
                f"this call needs a token with the scope {ADMIN}, and the service has no file of tokens"
            )
            raise RefusedError(grpc.StatusCode.PERMISSION_DENIED, sentence)
        return None


def _internal(call: Call, metadata: tuple[tuple[str, str], ...] = ()) -> RefusedError:
    """What a caller is told of a fault of ours: where to find the words of it, and none of them."""
    sentence = f"the service failed; its log says how, as request {call.request_id}"
    return RefusedError(grpc.StatusCode.INTERNAL, sentence, metadata)


async def _abort(context: grpc.aio.ServicerContext, refusal: RefusedError, call: Call) -> None:
    """Says why a call has ended. The status comes after all that was written before: a caller who does not read gets it
    when it reads again, and nobody waits for that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            metadata = (*refusal.metadata, (HEADER, call.request_id))
            await context.abort(refusal.code, str(refusal), metadata)
