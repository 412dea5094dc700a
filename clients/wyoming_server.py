"""The Wyoming protocol, by which Home Assistant has text read aloud, spoken by a service of wavesynth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice, TtsVoiceSpeaker
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeTextFormat,
    SynthesizeVoice,
)

from .aio import AsyncClient
from .errors import ServiceError

__all__ = ["Speaker", "serve_wyoming"]

#: Bytes of an event, at most.
_EVENT = 1 << 20
#: Connections at once; what comes beyond is closed. The service itself says how many it can speak for.
_CONNECTIONS = 64
#: Pieces of a text that wait to be read aloud; then no more is taken.
_PIECES = 64
#: What ends a connection: it is gone, or what came is no event.
_BROKEN = (OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
_HOME = Attribution(name="wavesynth", url="")


@asynccontextmanager
async def serve_wyoming(client: AsyncClient, host: str, port: int, version: str) -> AsyncIterator[int]:
    """Serves until the block ends; yields the port, a free one for 0. Raises OSError for one that cannot be had."""
    speakers: dict[asyncio.Task[None], Speaker] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(speakers) >= _CONNECTIONS:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        speakers[task] = speaker = Speaker(_Bounded(reader), writer, client, version)
        with suppress(*_BROKEN, asyncio.CancelledError):  # which asyncio would log as the server ends
            try:
                await speaker.run()
            finally:
                del speakers[task]

    server = await asyncio.start_server(connected, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for task in list(speakers):
            task.cancel()


class Speaker(AsyncEventHandler):
    """One connection: says what the service's voices are, and has text read aloud, whole or while it is written."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: AsyncClient,
        version: str = "",
    ) -> None:
        super().__init__(reader, writer)
        self._client, self._version = client, version
        self._pieces: asyncio.Queue[str | None] | None = None
        self._speaking: asyncio.Task[None] | None = None

    async def handle_event(self, event: Event) -> bool:
        """Does what an event asks for. What cannot be done is said, and ends the connection, since callers wait for the
        end of the audio or of the connection."""
        try:
            await self._handle(event)
        except ServiceError as error:
            await self._send(Error(text=str(error), code=error.code))
            return False
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            said = f"the event {event.type!r:.50} has wrong fields: {error!r:.200}"
            await self._send(Error(text=said, code="INVALID_ARGUMENT"))
            return False
        return True

    async def disconnect(self) -> None:
        """Ends what is being said: nobody hears it."""
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

    async def _handle(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._send(await self._info())
        elif Ping.is_type(event.type):
            await self._send(Pong(text=Ping.from_event(event).text))
        elif Synthesize.is_type(event.type):
            if self._pieces is None:  # else it is the whole again, for those who cannot take it in pieces
                whole = Synthesize.from_event(event)
                await self._say(whole.text, whole.voice, whole.text_format)
        elif SynthesizeStart.is_type(event.type):
            await self.disconnect()
            start = SynthesizeStart.from_event(event)
            self._pieces = asyncio.Queue(_PIECES)
            self._speaking = asyncio.create_task(
                self._say(_until_none(self._pieces), start.voice, start.text_format)
            )
        elif SynthesizeChunk.is_type(event.type):
            await self._write(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(event.type) and self._speaking is not None:
            await self._write(None)
            said, self._speaking, self._pieces = self._speaking, None, None
            await said
            await self._send(SynthesizeStopped())

    async def _write(self, piece: str | None) -> None:
        """The next of a text, for what says it; waits while that is behind, and not for one that has failed."""
        if self._pieces is None or self._speaking is None:
            return
        put = asyncio.create_task(self._pieces.put(piece))
        await asyncio.wait([put, self._speaking], return_when=asyncio.FIRST_COMPLETED)
        put.cancel()

    async def _say(
        self, text: str | AsyncIterable[str], voice: SynthesizeVoice | None, form: str | None
    ) -> None:
        options: dict[str, Any] = {}
        if form == SynthesizeTextFormat.SSML:
            options["markup"] = "ssml"
        if voice and voice.speaker:
            options["speaker"] = voice.speaker
        begun = False
        async with self._client.stream(await self._voice(voice), text=text, **options) as stream:
            async for chunk in stream.chunks():
                form_of = {"rate": chunk.sample_rate, "width": 2, "channels": 1}
                if not begun:
                    begun = True
                    await self._send(AudioStart(**form_of))
                await self._send(AudioChunk(audio=chunk.pcm, **form_of))
        await self._send(AudioStop())

    async def _voice(self, wanted: SynthesizeVoice | None) -> str:
        """The name of a voice that reads what is wanted; empty for the service's default."""
        if wanted is None or wanted.name or not wanted.language:
            return wanted.name or "" if wanted else ""
        language = wanted.language.replace("_", "-").partition("-")[0].lower()
        listed = await self._client.voices()
        able = [one.name for one in listed.voices if one.text and one.language.lower().startswith(language)]
        return "" if not able or listed.default_voice in able else able[0]

    async def _info(self) -> Info:
        listed = await self._client.voices()
        voices = [
            TtsVoice(
                name=voice.name,
                attribution=_HOME,
                installed=True,
                description=voice.description,
                version=None,
                languages=[voice.language],
                speakers=[TtsVoiceSpeaker(name=name) for name in voice.speakers] or None,
            )
            for voice in listed.voices
            if voice.text
        ]
        program = TtsProgram(
            name="wavesynth",
            attribution=_HOME,
            installed=True,
            description="Neural audio, generated one sample at a time",
            version=self._version,
            voices=voices,
            supports_synthesize_streaming=True,
        )
        return Info(tts=[program])

    async def _send(self, message: Eventable) -> None:
        await self.write_event(message.event())


async def _until_none(pieces: asyncio.Queue[str | None]) -> AsyncIterator[str]:
    while (piece := await pieces.get()) is not None:
        yield piece


class _Bounded(asyncio.StreamReader):
    """A reader that refuses events which are too long: a header says how long, and all of it would be kept."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.readline = reader.readline  # type: ignore[method-assign]
        self._exactly: Callable[[int], Any] = reader.readexactly
        self.feed_eof = reader.feed_eof  # type: ignore[method-assign]

    async def readexactly(self, n: int) -> bytes:
        """So many bytes. ValueError, after which the connection ends, for more than an event may have."""
        if n > _EVENT:
            raise ValueError(f"an event has {n} bytes; it may have at most {_EVENT}")
        read: bytes = await self._exactly(n)
        return read
