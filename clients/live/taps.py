"""What listens in on a session: both sides to files, or an impulse to see how long it takes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from wavesynth.audio.pcm import pcm16
from wavesynth.files import atomic_path

__all__ = ["Impulses", "Recorder"]


class Recorder:
    """Writes FOLDER/microphone.wav and FOLDER/voice.wav; they are there, whole, when it is left."""

    def __init__(self, folder: Path, microphone_rate: int, voice_rate: int) -> None:
        self._folder = folder
        self._rates = {"microphone": microphone_rate, "voice": voice_rate}

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._files = {}
        for name, rate in self._rates.items():
            path = self._stack.enter_context(atomic_path(self._folder / f"{name}.wav"))
            file = soundfile.SoundFile(path, "w", rate, 1, "PCM_16")
            self._files[name] = self._stack.enter_context(file)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()  # what was spoken until an error is whole, too

    def microphone(self, block: NDArray[np.float32], captured: float) -> NDArray[np.float32]:
        """Writes the block."""
        self._write("microphone", block)
        return block

    def voice(self, samples: NDArray[np.float32]) -> None:
        """Writes the samples."""
        self._write("voice", samples)

    def loudspeaker(self, block: NDArray[np.float32], played: float) -> None:
        """Writes nothing: gaps are not part of what the voice said."""

    def _write(self, name: str, samples: NDArray[np.float32]) -> None:
        try:
            self._files[name].write(pcm16(samples))
        except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
            raise OSError(
                f"{self._folder / name}.wav cannot be written: {error or 'the disk is full'}"
            ) from error


class Impulses:
    """Puts an impulse in the microphone's place every second, and finds it again at the loudspeaker.

    An impulse is 10 ms of noise in silence. Whatever voice it comes back in, it is the loudest there: the middle of
    the 10 ms with the most energy. The time between the two is what a listener's ear would find, less the devices' own
    buffers.
    """

    #: Seconds from one impulse to the next.
    _PERIOD = 1.0
    #: Seconds of an impulse.
    _LENGTH = 0.010
    #: Seconds that an impulse may take to come back; more than any session should be late.
    _MAX_LATENCY = 0.6

    def __init__(self, microphone_rate: int, loudspeaker_rate: int) -> None:
        self._rate, self._out_rate = microphone_rate, loudspeaker_rate
        length = round(self._LENGTH * microphone_rate)
        self._impulse = np.random.default_rng(0).uniform(-0.5, 0.5, length).astype(np.float32)
        self._sent: list[float] = []
        self._left = np.zeros(0, np.float32)
        self._next: float | None = None
        self._played: list[tuple[float, NDArray[np.float32]]] = []

    def microphone(self, block: NDArray[np.float32], captured: float) -> NDArray[np.float32]:
        """Silence, or the impulse."""
        if self._next is None:
            self._next = captured + self._PERIOD
        if captured >= self._next:
            self._left = self._impulse
            self._sent.append(captured + self._LENGTH / 2)
            self._next += self._PERIOD
        silence = np.zeros(len(block), np.float32)
        now, self._left = self._left[: len(block)], self._left[len(block) :]
        silence[: len(now)] = now
        return silence

    def voice(self, samples: NDArray[np.float32]) -> None:
        """Does not look: the loudspeaker's side counts."""

    def loudspeaker(self, block: NDArray[np.float32], played: float) -> None:
        """Keeps the block."""
        self._played.append((played, block))

    def latencies(self) -> list[float]:
        """Seconds that each impulse took which was found: one that is louder than all else by 10 dB."""
        found = []
        width = round(self._LENGTH * self._out_rate)
        for sent in self._sent:
            blocks = [(t, b) for t, b in self._played if sent <= t < sent + self._MAX_LATENCY]
            if not blocks:
                continue
            signal = np.concatenate([b for _, b in blocks]).astype(np.float64)
            energy = np.convolve(signal * signal, np.ones(width), "valid")
            peak = int(np.argmax(energy))
            if energy[peak] < 10 * np.median(energy) or not energy[peak]:
                continue
            middle, first = peak + width // 2, 0
            for when, block in blocks:
                if middle < first + len(block):
                    found.append(when + (middle - first) / self._out_rate - sent)
                    break
                first += len(block)
        return found
