"""The methods of SynthesisService, as proto/wavesynth/v1/synthesis.proto says. Nothing is computed here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
from numpy.typing import NDArray

from wavesynth.engine.spoken import SpokenTimes
from wavesynth.engine.stream import EngineOutput, EngineRequest, Statistics
from wavesynth.server.admission import Admission
from wavesynth.server.async_engine import AsyncEngine, AsyncStream
from wavesynth.server.callers import client_of
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.messages import Aside
from wavesynth.server.metronome import Metronome
from wavesynth.server.pace import Pace, Paces
from wavesynth.server.scoring import Scoring
from wavesynth.server.telemetry import Call
from wavesynth.server.texts import SpokenText, Texts
from wavesynth.server.validation import Checked, GrowingInput, Requests, TextToRead
from wavesynth.server.waiting import Answer, LiveInput, next_message
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceServicer

__all__ = ["SynthesisService"]


class SynthesisService(SynthesisServiceServicer):
    """Serves the engine's voices; `requests` checks what is asked for, `aside` if there is much of it."""

    def __init__(
        self,
        engine: AsyncEngine,
        requests: Requests,
        admission: Admission,
        scoring: Scoring,
        texts: Texts,
        aside: Aside,
    ) -> None:
        self._engine, self._requests, self._admission = engine, requests, admission
        self._scoring, self._texts, self._aside = scoring, texts, aside
        self._limits = admission.limits
        self._paces = Paces(admission.limits.small_messages)

    async def ListVoices(  # noqa: N802
        self, request: pb.ListVoicesRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListVoicesResponse:
        """The voices that are served."""
        async with self._admission.call("ListVoices", context):
            return self._requests.listed()

    async def Synthesize(  # noqa: N802
        self, request: pb.SynthesizeRequest, context: grpc.aio.ServicerContext
    ) -> pb.SynthesizeResponse:
        """All the audio of a request, in one message."""
        async with self._admission.call("Synthesize", context) as call:
            checked = await self._whole(request, live=False)
            del request  # it may be long, and is not needed any more
            async with self._open_whole(call, checked) as (stream, messages):
                outputs = [output async for waiting in stream.outputs() for output in waiting]
                call.sent(outputs)
                return pb.SynthesizeResponse(chunk=messages.chunk(outputs))

    async def StreamSynthesize(  # type: ignore[override]  # noqa: N802
        self, request: pb.StreamSynthesizeRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """The audio of a request, in a message for each chunk."""
        async with self._admission.call("StreamSynthesize", context) as call:
            checked = await self._whole(request, live=True)
            del request
            async with self._open_whole(call, checked) as (stream, messages):
                answer = Answer(context, self._limits, call)
                async for outputs in stream.outputs():
                    if chunk := messages.chunk(outputs):
                        await answer.send(pb.StreamSynthesizeResponse(chunk=chunk))
                    call.sent(outputs)

    async def Resynthesize(  # type: ignore[override]  # noqa: N802
        self, requests: AsyncIterator[pb.ResynthesizeRequest], context: grpc.aio.ServicerContext
    ) -> None:
        """The audio of a request whose input comes in messages too, while it comes."""
        async with self._admission.call("Resynthesize", context) as call:
            first = await next_message(requests, self._limits) or pb.ResynthesizeRequest()
            if (kind := first.WhichOneof("message")) != "config":
                raise invalid(f"message 1 is {kind or 'missing'}; it must be config")
            checked = self._requests.growing(first.config)
            request, growing, text = self._of(call, checked), checked.given, None
            if growing.text is not None:
                text = await self._texts.open(growing.text, request.first_sample)
            messages, answer = _Messages(checked, text), Answer(context, self._limits, call)
            async with self._engine.open(request) as stream:
                call.opened = time.monotonic()
                pace, metronome = self._paces.of(call.caller), Metronome(checked.sample_rate)
                if text is None:
                    reading = self._read(requests, stream, checked, pace)
                else:
                    reading = self._read_text(requests, stream, checked, text, pace, call)
                async with _beside(reading, stream):
                    async for outputs in stream.outputs():
                        if text is None:  # what text says is made as far ahead as it can be
                            await metronome.keep(outputs)
                        if chunk := messages.chunk(outputs):
                            await answer.send(pb.ResynthesizeResponse(chunk=chunk))
                        call.sent(outputs)

    async def Score(  # noqa: N802
        self, requests: AsyncIterator[pb.ScoreRequest], context: grpc.aio.ServicerContext
    ) -> pb.ScoreResponse:
        """What the recording costs that comes in messages, once all of it is there."""
        async with self._admission.call("Score", context) as call:
            return await self._scoring.score(call, requests, self._paces.of(call.caller))

    async def _whole(
        self, request: pb.SynthesizeRequest | pb.StreamSynthesizeRequest, live: bool
    ) -> Checked[NDArray[Any] | TextToRead | None]:
        """What a call asks for whose input came in its request. Raises RefusedError."""
        return await self._aside.check(
            partial(self._requests.whole, request.synthesis, request.conditioning, live)
        )

    @asynccontextmanager
    async def _open_whole(
        self, call: Call, checked: Checked[NDArray[Any] | TextToRead | None]
    ) -> AsyncIterator[tuple[AsyncStream, _Messages]]:
        """The stream of a call whose input came in its request, and what makes messages of its audio."""
        asked, given = self._of(call, checked), checked.given
        if isinstance(given, TextToRead):
            text = await self._texts.open(given, asked.first_sample)
            await text.push(
                given.given.text or ""
            )  # before there is a stream: of what is wrong nothing is said
            await text.finish()
            async with self._engine.open(asked) as stream:
                call.opened = time.monotonic()
                async with _beside(_say(text, stream), stream):
                    yield stream, _Messages(checked, text)
            return
        async with self._engine.open(asked) as stream:
            call.opened = time.monotonic()
            if given is not None:
                await stream.push_whole(given)
            stream.finish()
            yield stream, _Messages(checked)

    async def _read(
        self,
        requests: AsyncIterator[pb.ResynthesizeRequest],
        stream: AsyncStream,
        checked: Checked[GrowingInput],
        pace: Pace,
    ) -> None:
        """Moves the input of a call to its stream."""
        given = LiveInput(requests, self._limits)
        while (message := await given.next()) is not None:
            piece, samples = await self._aside.check(partial(checked.given.read, message))
            if len(piece):
                await stream.push(piece, samples)
            given.had(samples / checked.sample_rate)
            await pace.message(samples / checked.sample_rate)
        stream.finish()

    async def _read_text(
        self,
        requests: AsyncIterator[pb.ResynthesizeRequest],
        stream: AsyncStream,
        checked: Checked[GrowingInput],
        text: SpokenText,
        pace: Pace,
        call: Call,
    ) -> None:
        """Says the text of a call while it is written: a message is read when what came before is nearly said."""
        given = LiveInput(requests, self._limits)
        while (message := await given.next()) is not None:
            piece = checked.given.read_text(message)
            await text.push(piece)
            call.read_aloud(len(piece))
            samples = await text.feed(stream)
            given.had(samples / checked.sample_rate)
            await pace.message(samples / checked.sample_rate)
        await text.finish()
        await _say(text, stream)

    def _of(self, call: Call, checked: Checked[Any]) -> EngineRequest:
        """The request, with who asks; the call notes what it asks for."""
        call.voice, call.sample_rate = checked.request.voice, checked.sample_rate
        request = replace(checked.request, request_id=call.request_id)
        if call.bearer is None:
            return replace(request, client=client_of(call.caller, self._limits))
        token = call.bearer.token
        return replace(request, client=token.name, client_streams=token.streams)


async def _say(text: SpokenText, stream: AsyncStream) -> None:
    """Says what is left of a text, which has ended."""
    await text.feed(stream)
    stream.finish()


@asynccontextmanager
async def _beside(reading: Coroutine[Any, Any, None], stream: AsyncStream) -> AsyncIterator[None]:
    """Within, `reading` gives the stream its input; what it raises, the stream's reader raises."""

    async def read() -> None:
        try:
            await reading
        except RefusedError as refusal:
            stream.fail(refusal.with_traceback(None))  # which knows the messages, and is kept with the stream
        except Exception as error:
            stream.fail(error)

    reader = asyncio.create_task(read())
    try:
        yield
    finally:
        reader.cancel()
        await asyncio.wait([reader])  # nobody may read when what is read from is closed


class _Messages:
    """Makes messages of one stream's audio; if it is a text's, with the times of its words."""

    def __init__(self, checked: Checked[Any], text: SpokenText | None = None) -> None:
        self._encode, self._sample_rate = checked.encode, checked.sample_rate
        self._first_sample: int | None = None
        self._times = None if text is None else text.times

    def chunk(self, outputs: list[EngineOutput]) -> pb.AudioChunk | None:
        """Outputs that follow one another, as one message; None as long as the encoding holds all back, as FLAC does.

        What was held back comes with the next message.
        """
        audio = b"".join(self._encode(output.samples, output.statistics is not None) for output in outputs)
        if self._first_sample is None:
            self._first_sample = outputs[0].first_sample
        if not audio:
            return None
        first, self._first_sample = self._first_sample, None
        last = outputs[-1].statistics
        chunk = pb.AudioChunk(
            audio=audio,
            first_sample=first,
            sample_rate=self._sample_rate,
            statistics=_statistics(last) if last else None,
        )
        if self._times is not None:
            _add_times(
                chunk, self._times, None if last else outputs[-1].first_sample + len(outputs[-1].samples)
            )
        return chunk


def _add_times(chunk: pb.AudioChunk, times: SpokenTimes, end: int | None) -> None:
    """Adds the words and marks before the sample `end`, or all that are left."""
    words, marks = times.take(end)
    for word in words:
        chunk.words.add(
            text=word.text,
            begin=word.begin,
            end=word.end,
            first_sample=word.first_sample,
            end_sample=word.end_sample,
        )
    for mark in marks:
        chunk.marks.add(name=mark.text, first_sample=mark.first_sample)


def _statistics(last: Statistics) -> pb.Statistics:
    return pb.Statistics(
        samples=last.samples,
        time_to_first_audio_seconds=last.time_to_first_audio,
        real_time_factor=last.real_time_factor,
    )
