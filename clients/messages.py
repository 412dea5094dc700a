"""Between NumPy and the API's messages: what a caller gives, checked, and the audio that comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.encodings import pcm16_floats
from wavesynth.audio.pcm import as_float, as_samples
from wavesynth.v1 import synthesis_pb2 as pb

from .errors import InvalidRequestError

__all__ = [
    "MAX_MESSAGE",
    "Chunk",
    "Given",
    "SynthesisInput",
    "SynthesisOptions",
    "audio_format",
    "chunk_of",
    "conditioning_of",
    "given_of",
    "joined",
    "pcm_of",
    "read_mel",
    "synthesis_of",
]

#: Bytes of a message, either way; and what of it is kept for what is not input or audio.
MAX_MESSAGE = 16 << 20
_OVERHEAD = 64 << 10
#: Bytes up to which a recording is streamed as one message. A longer one is sent while its audio is being made: the
#: first of that is there before all is sent, and no ping waits behind megabytes on a slow line.
_WHOLE = 1 << 20
#: Bytes of input in each message of such a recording: seconds, and little to hold.
_PIECE = 256 << 10
#: Seconds up to which audio fits one message, whatever the voice, if what it is made from is not longer than _WHOLE.
_SURE_SECONDS = 60.0


@dataclass(frozen=True)
class Chunk:
    """A piece of audio."""

    samples: NDArray[np.float32]
    """[n] within ±1."""
    pcm: bytes
    """The same as 16-bit little-endian PCM."""
    first_sample: int
    """Index of its first sample in the whole."""
    sample_rate: int
    """Hertz."""
    statistics: pb.Statistics | None
    """Of the whole, on the last chunk."""


class SynthesisOptions(TypedDict, total=False):
    """How a voice is to say it."""

    seed: int
    """The same seed gives the same audio; 0 if not given."""
    temperature: float | None
    """From 0.1 (most likely) to 2, where 1 is as trained; the voice's own if not given."""
    correction: bool | None
    """Whether the audio is filtered towards the log-mel that it is made from; as the voice has it if not given."""
    speaker: str
    """One of the voice's speakers."""
    first_sample: int
    """Where the audio is to begin, in samples from 0."""
    sample_rate: int
    """Of the audio that is given, in hertz; the voice's own if not given."""


class SynthesisInput(SynthesisOptions, total=False):
    """How, and from what: one of `seconds`, `audio` and `mel`."""

    seconds: float | None
    """How long, for a voice that needs nothing else."""
    audio: ArrayLike | None
    """[n], floating point within ±1, or integers, scaled by their type: see `wavesynth.audio.pcm.as_float`."""
    mel: ArrayLike | None
    """[frames, bands]."""


@dataclass(frozen=True)
class Given:
    """What a call's audio is made from, checked: `given_of` makes it."""

    how: SynthesisInput
    array: NDArray[Any] | None
    """Samples [n], int16 or floating point, or mel frames float32 [f, bands]; None for a duration."""

    @property
    def message_bytes(self) -> int:
        """About how long it is as one message."""
        if self.array is None:
            return 0
        return self.array.size * (2 if self.array.dtype.kind == "i" else 4)

    @property
    def whole(self) -> bool:
        """Whether it is streamed as one message."""
        return self.message_bytes <= _WHOLE

    @property
    def surely_fits(self) -> bool:
        """Whether one message holds it, and another its audio, whatever voice makes that: nobody needs to ask."""
        return self.whole and (self.how.get("seconds") or 0.0) <= _SURE_SECONDS

    def fits(self, name: str, voices: pb.ListVoicesResponse) -> bool:
        """Whether one message holds it, and another all the audio that the voice of that name makes of it.

        Raises InvalidRequestError, in the service's words, if that is more than a call may make: it would be long
        before the service finds out, from pieces.
        """
        name = name or voices.default_voice
        voice = next((voice for voice in voices.voices if voice.name == name), None)
        if voice is None:  # the service will say so
            return self.message_bytes <= MAX_MESSAGE - _OVERHEAD
        seconds = self._seconds(voice)
        if self.array is not None and seconds > voices.max_seconds > 0:
            raise InvalidRequestError(
                f"{'mel' if self.array.ndim == 2 else 'audio'} makes {seconds:g} seconds of audio; "
                f"at most {voices.max_seconds:g} are allowed",
                "INVALID_ARGUMENT",
            )
        samples = seconds * voice.sample_rate - self.how.get("first_sample", 0)
        return max(self.message_bytes, 2 * samples) <= MAX_MESSAGE - _OVERHEAD

    def _seconds(self, voice: pb.Voice) -> float:
        """How much audio the voice makes of it."""
        if self.array is None:
            return self.how.get("seconds") or 0.0
        if self.array.ndim == 2:
            return len(self.array) * voice.hop / voice.sample_rate
        return len(self.array) / (self.how.get("sample_rate") or voice.sample_rate)

    def conditioning(self) -> pb.Conditioning:
        """It as one message."""
        if self.array is None:
            return pb.Conditioning(duration_seconds=self.how.get("seconds") or 0.0)
        if self.array.ndim == 2:
            return pb.Conditioning(mel=_mel_frames(self.array))
        form = self._format
        return pb.Conditioning(audio=pb.Audio(format=form, samples=_encoded(self.array, form)))

    def pieces(self, synthesis: pb.Synthesis) -> Iterator[pb.ResynthesizeRequest]:
        """It as the messages of a Resynthesize call, each made when it is asked for."""
        assert self.array is not None
        if self.array.ndim == 2:
            config = pb.ResynthesizeConfig(synthesis=synthesis, mel=pb.MelFormat())
        else:
            config = pb.ResynthesizeConfig(synthesis=synthesis, audio=self._format)
        yield pb.ResynthesizeRequest(config=config)
        step = max(1, _PIECE * len(self.array) // self.message_bytes)
        for first in range(0, len(self.array), step):
            piece = self.array[first : first + step]
            if piece.ndim == 2:
                yield pb.ResynthesizeRequest(mel=_mel_frames(piece))
            else:
                yield pb.ResynthesizeRequest(audio=_encoded(piece, config.audio))

    @property
    def _format(self) -> pb.AudioFormat:
        form = audio_format(self.how)
        if self.array is not None and self.array.dtype.kind == "i":
            form.sample_format = pb.SAMPLE_FORMAT_PCM16
        return form


def synthesis_of(voice: str, how: SynthesisOptions) -> pb.Synthesis:
    """The message for a voice's name and a manner. Raises ValueError for a seed that cannot be sent."""
    if unknown := set(how) - set(SynthesisInput.__annotations__):
        raise TypeError(
            f"{', '.join(sorted(unknown))} is no argument; there are {', '.join(SynthesisInput.__annotations__)}"
        )
    seed = how.get("seed", 0)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed is {seed}; it must be from 0 to 2^64 - 1")
    return pb.Synthesis(
        voice=voice,
        seed=seed,
        temperature=how.get("temperature"),
        correction=how.get("correction"),
        speaker=how.get("speaker", ""),
        first_sample=how.get("first_sample", 0),
    )


def given_of(how: SynthesisInput) -> Given:
    """What is given. Raises ValueError unless it is exactly one thing, of the right shape and scale."""
    seconds, audio, mel = how.get("seconds"), how.get("audio"), how.get("mel")
    if sum(thing is not None for thing in (seconds, audio, mel)) != 1:
        raise ValueError("exactly one of seconds, audio and mel must be given")
    if mel is not None:
        frames = np.asarray(mel, np.float32)
        if frames.ndim != 2:
            raise ValueError(f"mel has shape {list(frames.shape)}; it must be [frames, bands]")
        return Given(how, frames)
    return Given(how, None if audio is None else as_samples(audio))


def conditioning_of(how: SynthesisInput) -> pb.Conditioning:
    """The message for what is given. Raises ValueError as `given_of` does."""
    return given_of(how).conditioning()


def read_mel(path: str | Path) -> NDArray[np.float32]:
    """The mel frames [frames, bands] of a NumPy file. Raises OSError, or ValueError naming it if it is none."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):  # else it is an archive of arrays
            return np.asarray(loaded, np.float32)
    except (ValueError, EOFError):  # NumPy takes any other file for a pickle, and says how to load that
        pass
    raise ValueError(f"{path} is not a NumPy file of numbers: it must be a .npy file of one array")


def audio_format(how: SynthesisOptions) -> pb.AudioFormat:
    """Float samples at the rate that is given."""
    return pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32, sample_rate=how.get("sample_rate", 0))


def pcm_of(samples: ArrayLike) -> bytes:
    """The bytes of samples [n] as floating point. Raises ValueError for another shape or scale."""
    return _encoded(as_samples(samples), audio_format({}))


def _encoded(samples: NDArray[Any], form: pb.AudioFormat) -> bytes:
    """The bytes of what `as_samples` returns; what is beyond ±1 is clipped, as the service would."""
    if form.sample_format == pb.SAMPLE_FORMAT_PCM16:
        return samples.astype("<i2").tobytes()
    return np.clip(as_float(samples) if samples.dtype.kind == "i" else samples, -1, 1).astype("<f4").tobytes()


def _mel_frames(frames: NDArray[np.float32]) -> pb.MelFrames:
    return pb.MelFrames(bands=frames.shape[1], values=frames.ravel())


def chunk_of(chunk: pb.AudioChunk) -> Chunk:
    """The chunk that a message holds."""
    statistics = chunk.statistics if chunk.HasField("statistics") else None
    return Chunk(pcm16_floats(chunk.audio), chunk.audio, chunk.first_sample, chunk.sample_rate, statistics)


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """The chunks of a call, one after the other, as one."""
    first, last = chunks[0], chunks[-1]
    pcm = b"".join(chunk.pcm for chunk in chunks)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return Chunk(samples, pcm, first.first_sample, first.sample_rate, last.statistics)
