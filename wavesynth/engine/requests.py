"""What is to be made, as plain data; checked against a voice, it becomes what the engine takes.

The library, the server and batch all come through `prepare`. A field that cannot be used is named in the caller's own
words (`FieldNames`), with what came and what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.correction import DEFAULT_FRAMES, can_correct
from wavesynth.audio.pcm import as_array, as_samples
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.checks import require_value
from wavesynth.engine.stream import EngineRequest
from wavesynth.engine.voice_choice import takes_no_text
from wavesynth.sampling.params import SamplingParams
from wavesynth.text.options import TextOptions
from wavesynth.voices.folders import shipped_readers
from wavesynth.voices.voice import Voice

__all__ = [
    "AudioInput",
    "DurationInput",
    "FieldNames",
    "InputReader",
    "MelInput",
    "SynthesisRequest",
    "TextInput",
    "prepare",
]

#: Hertz that audio may have.
_SAMPLE_RATES = (8000, 96_000)
#: The largest absolute value of log-mel; what any recording has is within ±4.
_MEL_LIMIT = 100.0


@dataclass(frozen=True)
class DurationInput:
    """Nothing to go by but how long: for a voice that takes no log-mel."""

    seconds: float


@dataclass(frozen=True)
class MelInput:
    """Log-mel frames [f, bands]; None for those that come piece by piece."""

    frames: ArrayLike | None = None


@dataclass(frozen=True)
class AudioInput:
    """Samples [n] of any type, see `wavesynth.audio.pcm.as_float`; None for those that come piece by piece."""

    samples: ArrayLike | None = None
    sample_rate: int = 0
    """Hertz; 0 is the voice's own."""


@dataclass(frozen=True)
class TextInput:
    """Text to be read aloud: to the engine, log-mel frames that come piece by piece."""

    text: str | None = None
    """All of it; None if it comes piece by piece."""
    options: TextOptions = field(default_factory=TextOptions)
    """How it is to be read."""


@dataclass(frozen=True)
class SynthesisRequest:
    """What is to be made, from what, and how."""

    input: DurationInput | MelInput | AudioInput | TextInput
    voice: str = ""
    """A name; empty for the default voice."""
    speaker: str = ""
    """One of the voice's speakers; empty for its first."""
    seed: int = 0
    """Decides the random choices, 64 bits."""
    temperature: float | None = None
    """From 0.1 to 2; the voice's own if None."""
    correction: bool | None = None
    """Whether the audio is filtered towards the log-mel that it is made from. If None, as the voice has it; but not of
    text, whose log-mel is predicted: filtered towards that, audio sounds worse."""
    first_sample: int = 0
    """Samples before this one are made and dropped."""
    live: bool = True
    """Whether somebody listens while it is made."""
    memory: bytes = b""
    """What the voice's converter remembers, float32, where the input begins in the middle of a recording
    (wavesynth.engine.excerpt)."""


@dataclass(frozen=True)
class FieldNames:
    """What a caller knows the fields by: these are the library's."""

    input: str = "the input"
    """What says which kind of input it is."""
    seconds: str = "seconds"
    sample_rate: str = "sample_rate"
    mel: str = "mel"
    """The values of the frames."""
    mel_bands: str = "mel.shape[1]"


_LIBRARY = FieldNames()


class InputReader:
    """Checks the pieces of one stream's input, and says how much audio they make.

    Raises ValueError for a piece that cannot be used, and when all pieces together make more than `max_seconds`.
    """

    def __init__(
        self,
        given: MelInput | AudioInput | TextInput,
        voice: Voice,
        max_seconds: float = float("inf"),
        names: FieldNames = _LIBRARY,
    ) -> None:
        mel: Literal["mel", "text"] = "text" if isinstance(given, TextInput) else "mel"
        self.field: Literal["mel", "audio", "text"] = "audio" if isinstance(given, AudioInput) else mel
        """The field that holds the input; the pieces of a text are frames."""
        self.samples = 0
        """Samples of audio that the pieces read so far make."""
        self._voice, self._max_seconds, self._names = voice, max_seconds, names
        self._given = 0  # frames, or samples at the input's rate
        self.sample_rate = voice.sample_rate
        """Hertz of audio that is read."""
        if isinstance(given, AudioInput):
            self.sample_rate = given.sample_rate or voice.sample_rate
            low, high = _SAMPLE_RATES
            if not low <= self.sample_rate <= high:
                raise ValueError(
                    f"{names.sample_rate} is {self.sample_rate}; it must be from {low} to {high} hertz"
                )
        other = self.sample_rate != voice.sample_rate
        self._resampler = StreamingResampler(self.sample_rate, voice.sample_rate) if other else None

    def read(self, piece: ArrayLike) -> tuple[NDArray[Any], int]:
        """The next piece, samples [n] or frames [f, bands], as the source takes it; and the samples that it makes."""
        before = self.samples
        checked = self._audio(piece) if self.field == "audio" else self._mel(piece)
        self._given += len(checked)
        self.samples = self._made(self._given)
        seconds = self.samples / self._voice.sample_rate
        if seconds > self._max_seconds:
            raise ValueError(
                f"{self.field} makes {seconds:g} seconds of audio; at most {self._max_seconds:g} are allowed"
            )
        return checked, self.samples - before

    def _made(self, given: int) -> int:
        if self.field != "audio":
            return given * self._voice.hop
        return given if self._resampler is None else self._resampler.length(given)

    def _mel(self, mel: ArrayLike) -> NDArray[np.float32]:
        frames = as_array(mel, "mel")
        if frames.dtype.kind not in "fiu":
            raise ValueError(f"mel has values of type {frames.dtype.name}; they must be floating point")
        if frames.ndim != 2:
            raise ValueError(f"mel has shape {list(frames.shape)}; it must be [frames, bands]")
        bands = self._voice.mel_bands
        if frames.shape[1] != bands:
            raise ValueError(
                f"{self._names.mel_bands} is {frames.shape[1]}; voice {self._voice.name} needs {bands}"
            )
        if not (np.abs(frames) <= _MEL_LIMIT).all():  # NaN too
            raise ValueError(
                f"{self._names.mel} has NaN or values beyond ±{_MEL_LIMIT:g}; it must have neither"
            )
        return frames.astype(np.float32)

    def _audio(self, samples: ArrayLike) -> NDArray[Any]:
        array = as_samples(samples)
        if array.dtype == np.int16:
            return array.astype(np.int16)
        return np.clip(array, -1, 1).astype(np.float32, copy=False)


def prepare(
    wanted: SynthesisRequest,
    voice: Voice,
    max_seconds: float = float("inf"),
    names: FieldNames = _LIBRARY,
) -> tuple[EngineRequest, InputReader | None, NDArray[Any] | None]:
    """The engine's request for what is `wanted`; what reads its input if it takes any; and its input if that is whole.
    Of text, which is made into frames piece by piece (wavesynth.engine.spoken), none is whole.

    Raises ValueError, with one sentence, for a field that cannot be used or for more audio than `max_seconds`.
    """
    speaker = voice.speaker_number(wanted.speaker)
    kind: Literal["duration", "mel", "audio"] = "duration"
    reader, whole, samples, rate = None, None, None, 0
    if isinstance(wanted.input, TextInput):
        _check_text(voice, wanted.input)
        reader, kind = InputReader(wanted.input, voice, max_seconds, names), "mel"
    elif isinstance(wanted.input, DurationInput):
        samples = _duration(voice, wanted.input.seconds, max_seconds, names)
    else:
        reader = InputReader(wanted.input, voice, max_seconds, names)
        kind, rate = "audio" if reader.field == "audio" else "mel", reader.sample_rate
        if not voice.takes_mel:
            raise ValueError(
                f"{names.input} is {kind}; voice {voice.name} takes {names.seconds} and nothing else"
            )
        piece = wanted.input.frames if isinstance(wanted.input, MelInput) else wanted.input.samples
        if piece is not None:
            whole, samples = reader.read(piece)
            if not samples:
                unit = "frame" if reader.field == "mel" else "sample"
                raise ValueError(f"{reader.field} is empty; it must have at least one {unit}")
    first = wanted.first_sample
    if first < 0:
        raise ValueError(f"first_sample is {first}; it must be at least 0")
    if samples is not None and first >= samples:
        raise ValueError(f"first_sample is {first}; it must be below {samples}, the samples of the whole")
    temperature = voice.temperature if wanted.temperature is None else wanted.temperature
    params = SamplingParams(wanted.seed, temperature)
    by_default = False if isinstance(wanted.input, TextInput) else None
    correction = _correction(voice, by_default if wanted.correction is None else wanted.correction)
    request = EngineRequest(
        voice.name,
        kind,
        params,
        speaker,
        sample_rate=rate,
        samples=samples,
        live=wanted.live,
        real_time=samples is None and not isinstance(wanted.input, TextInput),
        first_sample=first,
        correction=correction,
        memory=wanted.memory,
    )
    return request, reader, whole


def _duration(voice: Voice, seconds: float, most: float, names: FieldNames) -> int:
    """Samples of so many seconds."""
    if voice.takes_mel:
        raise ValueError(f"{names.input} is {names.seconds}; voice {voice.name} needs mel or audio")
    low = 1 / voice.sample_rate
    if not low <= seconds <= most or seconds == float("inf"):  # NaN too
        raise ValueError(f"{names.seconds} is {seconds:g}; it must be from {low:g} to {most:g}")
    return round(seconds * voice.sample_rate)


def _check_text(voice: Voice, given: TextInput) -> None:
    if not voice.takes_text:
        raise ValueError(takes_no_text(voice.name, shipped_readers()))
    text = given.text
    if text is not None:
        require_value("text", text, isinstance(text, str), "a text")
        require_value("text", text, bool(text.strip()), "at least one word")


def _correction(voice: Voice, wanted: bool | None) -> int:
    """Frames that are corrected together, 0 for none."""
    frames = voice.correction if wanted is None else (voice.correction or DEFAULT_FRAMES) if wanted else 0
    if frames and not can_correct(voice.mel_bands, voice.mel):
        raise ValueError(
            f"correction is true; voice {voice.name} has no mel bands to correct by, so it must be false"
        )
    return frames
