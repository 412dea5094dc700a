"""The sampler by itself, without analysis, correction, engine and messages: what a service's figures stand beside."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.windows import Windows
from wavesynth.voices.loaded import load_voices

__all__ = ["BareSampler"]

#: Streams that are measured together.
STREAMS = (1, 8)
#: Seconds of audio of each stream in a measurement of processor time.
SECONDS = 0.5


class BareSampler:
    """A voice's sampler for processors, on one thread. Raises ValueError if the folder has no such voice."""

    def __init__(self, folder: Path, voice: str) -> None:
        voices = load_voices(folder, "cpu")
        if voice not in voices:
            raise ValueError(f"voice is {voice!r}; {folder} has {', '.join(voices)}")
        self._loaded = voices[voice]
        self._turns: dict[int, list[float]] = {streams: [] for streams in STREAMS}

    @property
    def processor_seconds(self) -> dict[str, float]:
        """For a second of one stream's audio, by how many streams there are: medians of all measurements so far."""
        return {str(streams): statistics.median(turns) for streams, turns in self._turns.items()}

    def measure(self) -> None:
        """Measures the processor time once more."""
        for streams, turns in self._turns.items():
            turns.append(self._advance(streams, SECONDS, time.thread_time) / SECONDS / streams)

    def samples_per_second(self, seconds: float) -> float:
        """How fast a lone stream of so many seconds is made."""
        samples = round(seconds * self._loaded.voice.sample_rate)
        return samples / self._advance(1, seconds, time.perf_counter)

    @torch.inference_mode()
    def _advance(self, streams: int, seconds: float, clock: Callable[[], float]) -> float:
        """Seconds of `clock` for so many seconds of each stream."""
        voice, sampler = self._loaded.voice, self._loaded.sampler
        samples = round(seconds * voice.sample_rate)
        frames, who = samples // voice.hop + 1, 0 if voice.speakers else None
        window = torch.rand(1 + 2 * voice.mel_context, voice.mel_bands) if voice.takes_mel else None
        # Either takes the same time whatever it is.
        if sampler.takes_windows:
            assert window is not None
            conditioning: Any = Windows(window.expand(frames, -1, -1).numpy(), who)
        else:
            conditioning = torch.stack([voice.condition(window, who)] * frames)
        states = [sampler.start() for _ in range(streams)]
        params = [SamplingParams(seed) for seed in range(streams)]
        began = clock()
        sampler.advance(states, [conditioning] * streams, params, samples)
        return clock() - began
