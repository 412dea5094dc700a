"""Text that is read aloud for calls: on threads of its own, and no further ahead than the engine takes it.

The event loop is everybody's, so nothing of a text is computed there. The threads are few, and each makes one piece of
one text at a time, some 160 ms of log-mel: so texts take turns, and a long one makes no other late.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import grpc

from wavesynth.engine.requests import InputReader
from wavesynth.engine.spoken import SpokenTimes
from wavesynth.server.async_engine import AsyncStream
from wavesynth.server.editions import ChangedError, Editions
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.validation import TextToRead, refusals
from wavesynth.text.speech import TextSpeech
from wavesynth.voices.voice import Voice, load_voice

__all__ = ["SpokenText", "Texts"]

T = TypeVar("T")

#: Threads that read texts: one may be at a hard sentence while another goes on.
_THREADS = 2
#: Samples of log-mel that the engine has in hand, 0.75 s at 16 kHz: the first chunks of calls that begin at one time
#: do not wait while texts are read for later.
_AHEAD = 12_000
#: Characters that a thread is given at once; SSML is read when it is given.
_AT_ONCE = 4000
#: What the log says of a text that cannot be read, whose own sentence may quote it.
_NOT_LOGGED = "the text cannot be read"


class Texts:
    """Reads the texts of calls aloud; each may have `characters` at most."""

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._pool = ThreadPoolExecutor(_THREADS, "wavesynth-text")
        self._voices = Editions(load_voice)
        self._loading = threading.Lock()

    def close(self) -> None:
        """Ends the threads, after what they are at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def warm(self, voices: Iterable[ServedVoice]) -> None:
        """Loads those of the voices that take text, and reads a word, so that no call waits for what is done once. What
        cannot be loaded, the first call is told."""
        readers = [voice for voice in voices if voice.takes_text]
        await asyncio.gather(
            *(_on(self._pool, self._warm, voice) for voice in readers), return_exceptions=True
        )

    async def open(self, text: TextToRead, first_sample: int) -> SpokenText:
        """What says a call's text, from the sample `first_sample` on. Raises RefusedError."""
        with _unreadable():
            speech = await _on(self._pool, self._speech, text)
        return SpokenText(speech, text, SpokenTimes(first_sample), self._characters, self._pool)

    def _speech(self, text: TextToRead) -> TextSpeech:
        return TextSpeech(self._load(text.voice), text.given.options)

    def _warm(self, voice: ServedVoice) -> None:
        speech = TextSpeech(self._load(voice))
        speech.push("Ready.")
        speech.finish()
        speech.next()

    def _load(self, voice: ServedVoice) -> Voice:
        with self._loading:
            try:
                return self._voices.get(voice.folder, voice.edition, voice.sign)
            except ChangedError as error:
                raise RefusedError(grpc.StatusCode.UNAVAILABLE, str(error)) from error


class SpokenText:
    """The text of one call. All of it raises RefusedError."""

    def __init__(
        self,
        speech: TextSpeech,
        text: TextToRead,
        times: SpokenTimes,
        characters: int,
        pool: Executor,
    ) -> None:
        """`Texts` makes it; `pool` has the threads."""
        self._speech, self._most, self._pool = speech, characters, pool
        self._reader: InputReader = text.reader
        self._options = text.given.options
        self.times = times
        """When its words are spoken, as far as it was fed to a stream."""
        self.characters = 0
        """Of what was pushed."""
        self._asked: float | None = None  # when the first of it was pushed

    async def push(self, text: str) -> None:
        """The next of the text."""
        self.characters += len(text)
        self._asked = self._asked or time.monotonic()
        if self.characters > self._most:
            raise invalid(f"text has {self.characters} characters; a call may have {self._most} at most")
        with _unreadable():
            for first in range(0, len(text), _AT_ONCE):
                await _on(self._pool, self._speech.push, text[first : first + _AT_ONCE])

    async def finish(self) -> None:
        """There is no more text."""
        with _unreadable():
            await _on(self._pool, self._speech.finish)

    async def feed(self, stream: AsyncStream) -> int:
        """Moves to `stream` what can be said of what was pushed, and nothing while it has enough to say; how many
        samples of audio that makes."""
        before = self._reader.samples
        while True:
            await stream.room(_AHEAD)
            with _unreadable():
                piece = await _on(self._pool, self._speech.next)
            if piece is None:
                return self._reader.samples - before
            with refusals():
                frames, samples = self._reader.read(piece.frames)
            self.times.add(piece)
            if not stream.delay and self._asked is not None:
                stream.delay = time.monotonic() - self._asked
            await stream.push(frames, samples)


async def _on(pool: Executor, function: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)


@contextmanager
def _unreadable() -> Iterator[None]:
    """ValueError as the status that a caller gets, of which the log has not the words."""
    try:
        yield
    except ValueError as error:
        code = grpc.StatusCode.INVALID_ARGUMENT
        raise RefusedError(code, str(error), logged=_NOT_LOGGED) from error
