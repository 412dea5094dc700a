"""What every call of the server goes through: who may call, how many calls there are, how each one ended."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import structlog

from wavesynth.server.callers import address_of
from wavesynth.server.errors import RefusedError
from wavesynth.server.limits import Limits
from wavesynth.server.telemetry import Call, Metrics, log
from wavesynth.server.waiting import within

__all__ = ["Admission"]

_log = structlog.get_logger()

#: Seconds in which a call that has ended should have taken its status.
_LAST_WORDS = 1.0


class Admission:
    """Admits calls; with a `token`, those who send it as `authorization: Bearer TOKEN`. None lasts longer than the
    `limits` say."""

    def __init__(self, metrics: Metrics, token: str | None = None, limits: Limits | None = None) -> None:
        self._metrics, self._token = metrics, token
        self.limits = limits or Limits()
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    @asynccontextmanager
    async def call(self, method: str, context: grpc.aio.ServicerContext) -> AsyncIterator[Call]:
        """One call, from its admission to the line in the log; what is raised inside becomes its status."""
        call, code, message = Call(method, self._metrics, address_of(context)), "OK", ""
        self._calls += 1
        self._idle.clear()
        try:
            self._check(context)
            longest = self.limits.call
            sentence = f"the call has lasted {longest:g} seconds; it may last so long at most"
            async with within(longest, grpc.StatusCode.DEADLINE_EXCEEDED, sentence):
                yield call
        except RefusedError as refusal:
            code, message = refusal.code.name, str(refusal)
            await _abort(context, refusal)
        except asyncio.CancelledError:
            left = context.time_remaining()
            code = "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
            raise
        except Exception as error:
            code, message = "INTERNAL", "the service failed"
            _log.error("a call failed", method=method, exc_info=error)
            await _abort(context, RefusedError(grpc.StatusCode.INTERNAL, message))
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
            call.ended(code, message)

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
            _log.warning("calls cut off", calls=self._calls)

    def _check(self, context: grpc.aio.ServicerContext) -> None:
        if self._draining:
            raise RefusedError(grpc.StatusCode.UNAVAILABLE, "the service is shutting down")
        self.check_token(str(dict(context.invocation_metadata() or ()).get("authorization", "")))

    def check_token(self, authorization: str) -> None:
        """Raises RefusedError for who does not send the token, if there is one. From any thread."""
        if self._token is None:
            return
        # A page can send half of a surrogate pair, which UTF-8 does not have.
        sent, wanted = (
            text.encode("utf-8", "surrogatepass") for text in (authorization, f"Bearer {self._token}")
        )
        if not hmac.compare_digest(sent, wanted):
            raise RefusedError(
                grpc.StatusCode.UNAUTHENTICATED,
                "metadata authorization is missing or wrong; it must be Bearer TOKEN",
            )


async def _abort(context: grpc.aio.ServicerContext, refusal: RefusedError) -> None:
    """Says why a call has ended. The status comes after all that was written before: a caller who does not read gets it
    when it reads again, and nobody waits for that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            await context.abort(refusal.code, str(refusal), refusal.metadata)
