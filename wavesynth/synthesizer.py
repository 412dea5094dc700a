"""A voice in this process: samples in one piece, or chunk by chunk while they are made. No server, no gRPC."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.score import Score
from wavesynth.checks import require_value, whole
from wavesynth.engine.arguments import Reading, input_of, input_or_pieces, options_of, rate_of
from wavesynth.engine.cleanup import Once, call_when_gone
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import ClosedError, Engine
from wavesynth.engine.requests import (
    AudioInput,
    InputReader,
    SynthesisRequest,
    TextInput,
    prepare,
)
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.scoring import recording_of, score
from wavesynth.engine.spoken import SpokenTimes, frames_of
from wavesynth.engine.stream import EngineStream, Statistics
from wavesynth.engine.threaded import Listener, Listeners, feed
from wavesynth.text.speech import TextSpeech, Timing
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import Voice, load_voice
from wavesynth.workers import cores

__all__ = ["SynthesisStream", "Synthesizer"]


class Synthesizer:
    """Makes audio with one voice: a name of those that ship (`wavesynth.voices`), a voice's folder, or a `Voice`.

    Any number of threads may use it at the same time. The same input, options and seed give the same samples, here and
    from a server. Leaving it as a context manager, or `close`, ends its threads; so does forgetting it and its streams.
    A process that is forked cannot use those of its parent (and PyTorch may hang there: start processes by "spawn").

    Raises ValueError, in a sentence, for a voice or a backend that cannot be used.

    >>> import numpy as np
    >>> import wavesynth
    >>> recording = np.sin(np.arange(4000) / 10) / 4
    >>> with wavesynth.Synthesizer("allison-small") as synthesizer:
    ...     samples = synthesizer.synthesize(recording, sample_rate=8000, seed=1)
    ...     chunks = list(synthesizer.stream(recording, sample_rate=8000, seed=1))
    >>> samples.dtype, samples.shape, synthesizer.sample_rate
    (dtype('float32'), (8000,), 16000)
    >>> np.array_equal(samples, np.concatenate(chunks))
    True
    """

    def __init__(
        self,
        voice: str | Path | Voice,
        *,
        backend: str = "cpu",
        threads: int | None = None,
        max_streams: int = 64,
        chunk: int = 160,
    ) -> None:
        """`backend` is one of `wavesynth.voices.samplers.BACKENDS`; `threads` are the cores that sample, all if
        None. Up to `max_streams` streams are made at the same time, and as many calls of `synthesize`. A chunk has
        `chunk` samples at 16 kHz, or as many as last as long at the voice's rate.
        """
        max_streams = whole("max_streams", max_streams)
        require_value("max_streams", max_streams, 1 <= max_streams <= 10_000, "from 1 to 10000")
        self.voice = voice if isinstance(voice, Voice) else load_voice(voice)
        """The voice that speaks."""
        self._threads = threads = cores() if threads is None else whole("threads", threads)
        sampler = make_sampler(self.voice, backend, threads, 2 * max_streams, max_streams)
        voices = {self.voice.name: LoadedVoice(self.voice, sampler)}
        self._slots = threading.BoundedSemaphore(max_streams)  # of calls of `synthesize`
        self._listeners = Listeners()
        config = EngineConfig(chunk=chunk, workers=threads, waiting=max_streams)
        self._engine = Engine(voices, Capacity.of(max_streams, voices), config, self._listeners.notify)
        self._engine.__enter__()
        self._close = Once(self._engine.__exit__)
        call_when_gone(self, self._close, at_exit=True)

    @property
    def sample_rate(self) -> int:
        """Of the samples that are made, in hertz."""
        return self.voice.sample_rate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends its threads; streams that are still being made raise ClosedError."""
        self._close()

    def synthesize(
        self,
        audio: ArrayLike | None = None,
        *,
        mel: ArrayLike | None = None,
        seconds: float | None = None,
        text: str | None = None,
        sample_rate: int | None = None,
        seed: int = 0,
        temperature: float | None = None,
        speaker: str = "",
        correction: bool | None = None,
        first_sample: int = 0,
        **reading: Unpack[Reading],
    ) -> NDArray[np.float32]:
        """All the samples, float32 [N] within ±1 at `self.sample_rate`. What they are made from is one of

        - `audio` [n], mono, floating point within ±1 or integers, at `sample_rate` hertz (the voice's own if None);
        - `mel` [frames, bands], log-mel as `wavesynth.audio.mel` computes it;
        - `text`, read aloud by a voice that takes text: `markup` says whether it is "plain" or "ssml", `rate` and
          `pitch` are factors, and `pronunciations` has words that are spoken in another way;
        - `seconds`, for a voice that takes nothing else.

        `seed` decides the random choices. `temperature` is their sharpness, from 0.1 (most likely) to 2, where 1 is as
        trained; `correction` says whether the samples are filtered towards the log-mel that they are made from: both
        are as the voice has them if None, but text is not corrected. `speaker` is one of the voice's speakers, the
        first if empty. With `first_sample` the samples before it are left out.

        Raises ValueError, in a sentence, for what cannot be used.
        """
        given = input_of(audio, mel, seconds, text, sample_rate, reading)
        options = options_of(seed, temperature, speaker, correction, first_sample)
        return self.make(SynthesisRequest(given, live=False, **options))

    def stream(
        self,
        audio: ArrayLike | Iterable[ArrayLike] | None = None,
        *,
        mel: ArrayLike | Iterable[ArrayLike] | None = None,
        seconds: float | None = None,
        text: str | Iterable[str] | None = None,
        sample_rate: int | None = None,
        seed: int = 0,
        temperature: float | None = None,
        speaker: str = "",
        correction: bool | None = None,
        first_sample: int = 0,
        **reading: Unpack[Reading],
    ) -> SynthesisStream:
        """The samples chunk by chunk while they are made: an iterator of float32 [n].

        The arguments are those of `synthesize`. Besides, `audio`, `mel` or `text` may be an iterator of pieces, such as
        what a microphone hears, or a language model writes. It is read on a thread of its own, not further ahead than a
        few seconds; what it raises, the stream raises.

        Raises ValueError for what cannot be used, and CapacityError when `max_streams` streams are being made.
        """
        given, pieces = input_or_pieces(audio, mel, seconds, text, sample_rate, reading)
        options = options_of(seed, temperature, speaker, correction, first_sample)
        return self._open(SynthesisRequest(given, **options), pieces)

    def score(
        self,
        audio: ArrayLike,
        *,
        sample_rate: int | None = None,
        speaker: str = "",
        arithmetic: str = "",
    ) -> Score:
        """How well the voice predicts a recording: its bits, of the whole and of each frame.

        `audio`, `sample_rate` and `speaker` are as in `synthesize`. `arithmetic` is how it is computed: int8, as the
        fast samplers compute, or float32, for which a WaveNet needs PyTorch; as the voice is served if empty.

        Raises ValueError, in a sentence, for what cannot be used, and for a voice of a kind without a likelihood.

        >>> import numpy as np
        >>> import wavesynth
        >>> tone, noise = np.sin(np.arange(4000) / 4) / 4, np.random.default_rng(0).uniform(-1, 1, 4000)
        >>> with wavesynth.Synthesizer("babble") as synthesizer:
        ...     scores = [synthesizer.score(audio) for audio in (tone, noise)]
        >>> scores[0].bits_per_sample < scores[1].bits_per_sample, scores[0].samples, len(scores[0].frame_bits)
        (True, 4000, 25)
        """
        self._check_open()
        reader = InputReader(AudioInput(sample_rate=rate_of(sample_rate)), self.voice)
        piece, _ = reader.read(audio)
        recording = recording_of([piece], reader.sample_rate, self.sample_rate)
        return score(self.voice, recording, speaker, arithmetic, self._threads)

    def make(self, request: SynthesisRequest) -> NDArray[np.float32]:
        """All the samples of a request as plain data, whose input is whole; as `synthesize`."""
        self._check_open()
        with self._slots, self._open(request) as stream:
            return np.concatenate(list(stream))

    def _check_open(self) -> None:
        if self._close.done:
            raise ValueError("the synthesizer is closed")
        if not self._close.ours:
            raise ValueError("the synthesizer was made before this process was forked; it must be made in it")

    def _open(self, request: SynthesisRequest, pieces: Iterable[Any] | None = None) -> SynthesisStream:
        self._check_open()
        checked, reader, whole = prepare(request, self.voice)
        times = None
        if isinstance(request.input, TextInput):
            times = SpokenTimes(request.first_sample)
            texts = [request.input.text] if pieces is None else pieces
            pieces = frames_of(TextSpeech(self.voice, request.input.options), texts, times)
        stream = self._engine.open(checked)
        listener = self._listeners.add(stream)
        if pieces is None:
            if whole is not None:
                stream.push(whole)
            stream.finish()
        else:
            assert reader is not None
            arguments = stream, listener, reader, iter(pieces)
            threading.Thread(target=feed, args=arguments, name="wavesynth-input", daemon=True).start()
        release = Once(partial(self._listeners.remove, stream))
        return SynthesisStream(self, stream, listener, release, self._close, times)


class SynthesisStream:
    """The chunks of one stream, float32 [n] each, as they are made; to be iterated once.

    `close`, leaving it as a context manager, or forgetting it ends the stream.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        stream: EngineStream,
        listener: Listener,
        release: Once,
        closed: Once,
        times: SpokenTimes | None = None,
    ) -> None:
        self._synthesizer = synthesizer  # which lives as long as its streams
        self._stream, self._listener, self._release, self._closed = stream, listener, release, closed
        self.sample_rate = synthesizer.sample_rate
        """Hertz."""
        self.statistics: Statistics | None = None
        """Figures of the whole, once the last chunk is made."""
        self.words: list[Timing] = []
        """Of a text, the words that begin in the chunks so far."""
        self.marks: list[Timing] = []
        """Of a text with SSML, the marks that are reached in them."""
        self._times, self._given = times, stream.request.first_sample
        self._ready: deque[NDArray[np.float32]] = deque()
        call_when_gone(self, release)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return self

    def __next__(self) -> NDArray[np.float32]:
        while not self._ready:
            if self._release.done:
                raise StopIteration
            self._listener.output.clear()
            try:
                chunks = self._stream.take()
            except Exception as error:
                self._release()
                if isinstance(error, ClosedError) and self._closed.done:
                    raise ClosedError("the synthesizer was closed before the end of the stream") from None
                raise
            self._ready += [chunk.samples.astype(np.float32) / np.float32(32768) for chunk in chunks]
            if not chunks:
                self._listener.output.wait()
            elif chunks[-1].statistics is not None:
                self.statistics = chunks[-1].statistics
                self._release()
        chunk = self._ready.popleft()
        self._given += len(chunk)
        if self._times is not None:
            ended = self.statistics is not None and not self._ready
            words, marks = self._times.take(None if ended else self._given)
            self.words += words
            self.marks += marks
        return chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the stream, if it goes on; no more chunks come."""
        self._ready.clear()
        self._release()
