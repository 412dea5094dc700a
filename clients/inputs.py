"""What a call's audio is made from: checked, measured against the service's limits, and cut into messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.encodings import SampleFormat, bytes_of
from wavesynth.audio.pcm import as_samples
from wavesynth.v1 import MAX_MESSAGE, MESSAGE_OVERHEAD
from wavesynth.v1 import synthesis_pb2 as pb

from .errors import InvalidRequestError
from .messages import SynthesisInput, audio_format, text_format

__all__ = ["CheckedInput", "check_input"]

#: Bytes up to which a recording is streamed as one message. A longer one is sent while its audio is being made: the
#: first audio is there before all is sent, and no ping waits behind megabytes on a slow line.
SINGLE_MESSAGE_BYTES = 1 << 20
#: Bytes of input in each message of a longer recording: seconds of audio, and little to hold in memory.
PIECE_BYTES = 256 << 10
#: Seconds of audio that fit one message at the rate of any voice, if the input is at most SINGLE_MESSAGE_BYTES long.
SURE_SECONDS = 60.0
#: Characters of plain text, read at the rate 1, whose audio surely fits one message: some four minutes of its nine.
SURE_CHARACTERS = 4000
#: Characters of each message of a text that is longer than a message.
PIECE_CHARACTERS = 64 << 10


@dataclass(frozen=True)
class CheckedInput:
    """The input of a call, of the right shape and scale: `check_input` makes it."""

    options: SynthesisInput
    array: NDArray[Any] | None
    """Samples [n], int16 or floating point, or mel frames float32 [f, bands]; None for a duration and for text."""
    text: str | None = None

    @property
    def message_bytes(self) -> int:
        """About how long it is as one message."""
        if self.text is not None:
            return len(self.text.encode(errors="replace"))
        if self.array is None:
            return 0
        return self.array.size * (2 if self.array.dtype.kind == "i" else 4)

    @property
    def single_message(self) -> bool:
        """Whether it is streamed as one message."""
        return self.message_bytes <= SINGLE_MESSAGE_BYTES

    @property
    def surely_fits(self) -> bool:
        """Whether one message holds it, and another its audio, with any voice: the service need not be asked."""
        if self.text is not None:
            plain = self.options.get("markup", "plain") == "plain"
            return plain and len(self.text) <= SURE_CHARACTERS * self.options.get("rate", 1.0)
        return self.single_message and (self.options.get("seconds") or 0.0) <= SURE_SECONDS

    def fits(self, name: str, voices: pb.ListVoicesResponse) -> bool:
        """Whether one message holds it, and another all the audio that the voice of that name makes of it.

        Raises InvalidRequestError, in the service's words, if that is more than a call may make: the service would
        find that out from the last piece only. How much audio a text makes only the service can tell.
        """
        if self.text is not None:
            return self.surely_fits
        name = name or voices.default_voice
        voice = next((voice for voice in voices.voices if voice.name == name), None)
        if voice is None:  # the service will say so
            return self.message_bytes <= MAX_MESSAGE - MESSAGE_OVERHEAD
        seconds = self._seconds(voice)
        if self.array is not None and seconds > voices.max_seconds > 0:
            raise InvalidRequestError(
                f"{'mel' if self.array.ndim == 2 else 'audio'} makes {seconds:g} seconds of audio; "
                f"at most {voices.max_seconds:g} are allowed",
                "INVALID_ARGUMENT",
            )
        samples = seconds * voice.sample_rate - self.options.get("first_sample", 0)
        return max(self.message_bytes, 2 * samples) <= MAX_MESSAGE - MESSAGE_OVERHEAD

    def conditioning(self) -> pb.Conditioning:
        """It as one message."""
        if self.text is not None:
            return pb.Conditioning(text=pb.Text(text=self.text, format=text_format(self.options)))
        if self.array is None:
            return pb.Conditioning(duration_seconds=self.options.get("seconds") or 0.0)
        if self.array.ndim == 2:
            return pb.Conditioning(mel=_mel_frames(self.array))
        return pb.Conditioning(audio=pb.Audio(format=self._audio_format, samples=self._bytes(self.array)))

    def requests(self, synthesis: pb.Synthesis) -> Iterator[pb.ResynthesizeRequest]:
        """It as the messages of a Resynthesize call, each made when it is asked for."""
        if self.text is not None:
            config = pb.ResynthesizeConfig(synthesis=synthesis, text=text_format(self.options))
            yield pb.ResynthesizeRequest(config=config)
            for first in range(0, len(self.text), PIECE_CHARACTERS):
                yield pb.ResynthesizeRequest(text=self.text[first : first + PIECE_CHARACTERS])
            return
        assert self.array is not None
        if self.array.ndim == 2:
            config = pb.ResynthesizeConfig(synthesis=synthesis, mel=pb.MelFormat())
        else:
            config = pb.ResynthesizeConfig(synthesis=synthesis, audio=self._audio_format)
        yield pb.ResynthesizeRequest(config=config)
        for piece in self._pieces(self.array):
            if piece.ndim == 2:
                yield pb.ResynthesizeRequest(mel=_mel_frames(piece))
            else:
                yield pb.ResynthesizeRequest(audio=self._bytes(piece))

    def score_requests(self, voice: str, speaker: str) -> Iterator[pb.ScoreRequest]:
        """A recording as the messages of a Score call, each made when it is asked for."""
        assert self.array is not None
        yield pb.ScoreRequest(config=pb.ScoreConfig(voice=voice, speaker=speaker, audio=self._audio_format))
        for piece in self._pieces(self.array):
            yield pb.ScoreRequest(audio=self._bytes(piece))

    def _pieces(self, array: NDArray[Any]) -> Iterator[NDArray[Any]]:
        step = max(1, PIECE_BYTES * len(array) // max(1, self.message_bytes))
        return (array[first : first + step] for first in range(0, len(array), step))

    def _seconds(self, voice: pb.Voice) -> float:
        """Seconds of audio that the voice makes of it."""
        if self.array is None:
            return self.options.get("seconds") or 0.0
        if self.array.ndim == 2:
            return len(self.array) * voice.hop / voice.sample_rate
        return len(self.array) / (self.options.get("sample_rate") or voice.sample_rate)

    @property
    def _is_pcm16(self) -> bool:
        return self.array is not None and self.array.dtype.kind == "i"

    @property
    def _audio_format(self) -> pb.AudioFormat:
        form = audio_format(self.options)
        if self._is_pcm16:
            form.sample_format = pb.SAMPLE_FORMAT_PCM16
        return form

    def _bytes(self, samples: NDArray[Any]) -> bytes:
        return bytes_of(samples, SampleFormat.PCM16 if self._is_pcm16 else SampleFormat.FLOAT32)


def check_input(options: SynthesisInput) -> CheckedInput:
    """The input of a call. Raises ValueError unless it is exactly one thing, of the right shape and scale."""
    seconds, audio, mel, text = (
        options.get("seconds"),
        options.get("audio"),
        options.get("mel"),
        options.get("text"),
    )
    if sum(thing is not None for thing in (seconds, audio, mel, text)) != 1:
        raise ValueError("exactly one of seconds, audio, mel and text must be given")
    if text is not None:
        if not isinstance(text, str):
            raise ValueError("text comes in pieces; it must be whole, or be given to stream")
        text_format(options)
        return CheckedInput(options, None, text)
    if mel is not None:
        frames = np.asarray(mel, np.float32)
        if frames.ndim != 2:
            raise ValueError(f"mel has shape {list(frames.shape)}; it must be [frames, bands]")
        return CheckedInput(options, frames)
    return CheckedInput(options, None if audio is None else as_samples(audio))


def _mel_frames(frames: NDArray[np.float32]) -> pb.MelFrames:
    return pb.MelFrames(bands=frames.shape[1], values=frames.ravel())
