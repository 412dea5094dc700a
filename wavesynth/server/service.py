"""The four calls of the API; here bytes are moved, and nothing is computed."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog

from wavesynth.engine.engine import Engine
from wavesynth.engine.stream import EngineOutput, Statistics
from wavesynth.server.async_engine import AsyncEngine, AsyncStream
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.telemetry import Call, Metrics, log
from wavesynth.server.validation import GrowingInput, Requests
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceServicer

__all__ = ["SynthesisService"]

_log = structlog.get_logger()


class SynthesisService(SynthesisServiceServicer):
    """Serves the engine's voices; with a `token`, to those who send it as `authorization: Bearer TOKEN`."""

    def __init__(
        self,
        engine: Engine,
        bridge: AsyncEngine,
        requests: Requests,
        metrics: Metrics,
        token: str | None = None,
    ) -> None:
        self._engine = engine
        self._bridge = bridge
        self._requests = requests
        self._metrics = metrics
        self._token = token
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    @property
    def wants_token(self) -> bool:
        """Whether callers must send a token."""
        return self._token is not None

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

    async def ListVoices(  # noqa: N802
        self, request: pb.ListVoicesRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListVoicesResponse:
        """See the API."""
        async with self.around("ListVoices", context):
            return self._requests.listed()

    async def Synthesize(  # noqa: N802
        self, request: pb.SynthesizeRequest, context: grpc.aio.ServicerContext
    ) -> pb.SynthesizeResponse:
        """See the API."""
        async with (
            self.around("Synthesize", context) as call,
            self._whole(call, request, live=False) as stream,
        ):
            made = [chunk async for chunks in stream.chunks() for chunk in chunks]
            call.sent(made, self._metrics)
            return pb.SynthesizeResponse(chunk=self._join(made, call.voice))

    async def StreamSynthesize(  # type: ignore[override]  # noqa: N802
        self, request: pb.StreamSynthesizeRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """See the API."""
        async with (
            self.around("StreamSynthesize", context) as call,
            self._whole(call, request, live=True) as stream,
        ):
            unsent: list[EngineOutput] = []
            async for chunks in stream.chunks():
                unsent += chunks
                if any(chunk.audio for chunk in unsent):  # FLAC holds samples back
                    await context.write(pb.StreamSynthesizeResponse(chunk=self._join(unsent, call.voice)))
                    call.sent(unsent, self._metrics)
                    unsent = []

    async def Resynthesize(  # type: ignore[override]  # noqa: N802
        self, requests: AsyncIterator[pb.ResynthesizeRequest], context: grpc.aio.ServicerContext
    ) -> None:
        """See the API."""
        async with self.around("Resynthesize", context) as call:
            first = await anext(requests, pb.ResynthesizeRequest())
            if (kind := first.WhichOneof("message")) != "config":
                raise invalid(f"message 1 is {kind or 'missing'}; it must be config")
            request, given = self._requests.growing(first.config)
            call.voice = request.voice
            with self._bridge.open(self._engine, request) as stream:
                reader = asyncio.create_task(self._read(requests, stream, given))
                try:
                    async for chunks in stream.chunks():
                        response = pb.ResynthesizeResponse(chunk=self._join(chunks, call.voice))
                        await context.write(response)
                        call.sent(chunks, self._metrics)
                finally:
                    reader.cancel()

    @asynccontextmanager
    async def _whole(
        self, call: Call, request: pb.SynthesizeRequest | pb.StreamSynthesizeRequest, live: bool
    ) -> AsyncIterator[AsyncStream]:
        """The stream of a call whose input came in its request."""
        checked, piece = self._requests.whole(request.synthesis, request.conditioning, live)
        call.voice = checked.voice
        with self._bridge.open(self._engine, checked) as stream:
            if piece is not None:
                await stream.push(piece, checked.samples or 0)
            stream.finish()
            yield stream

    async def _read(
        self, requests: AsyncIterator[pb.ResynthesizeRequest], stream: AsyncStream, given: GrowingInput
    ) -> None:
        """Moves the input of a call to its stream; what is wrong with it, the stream's reader raises."""
        try:
            async for message in requests:
                await stream.push(*given.read(message))
            stream.finish()
        except Exception as error:
            stream.fail(error)

    @asynccontextmanager
    async def around(self, method: str, context: grpc.aio.ServicerContext) -> AsyncIterator[Call]:
        """Around every call: who may, how it ended, and that it did."""
        call, code, message = Call(method), "OK", ""
        self._calls += 1
        self._idle.clear()
        try:
            self._admit(context)
            yield call
        except RefusedError as refusal:
            code, message = refusal.code.name, str(refusal)
            await context.abort(refusal.code, message, refusal.metadata)
        except asyncio.CancelledError:
            left = context.time_remaining()
            code = "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
            raise
        except Exception as error:
            code, message = "INTERNAL", "the service failed"
            _log.error("a call failed", method=method, exc_info=error)
            await context.abort(grpc.StatusCode.INTERNAL, message)
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
            call.ended(code, message, self._metrics)

    def _admit(self, context: grpc.aio.ServicerContext) -> None:
        if self._draining:
            raise RefusedError(grpc.StatusCode.UNAVAILABLE, "the service is shutting down")
        if self._token is None:
            return
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        if not hmac.compare_digest(str(given).encode(), f"Bearer {self._token}".encode()):
            raise RefusedError(
                grpc.StatusCode.UNAUTHENTICATED,
                "metadata authorization is missing or wrong; it must be Bearer TOKEN",
            )

    def _join(self, chunks: list[EngineOutput], voice: str) -> pb.AudioChunk:
        last = chunks[-1].statistics
        return pb.AudioChunk(
            audio=b"".join(chunk.audio for chunk in chunks),
            first_sample=chunks[0].first_sample,
            sample_rate=self._requests.voices[voice].sample_rate,
            statistics=_statistics(last) if last else None,
        )


def _statistics(last: Statistics) -> pb.Statistics:
    return pb.Statistics(
        samples=last.samples,
        time_to_first_audio_seconds=last.time_to_first_audio,
        real_time_factor=last.real_time_factor,
    )
