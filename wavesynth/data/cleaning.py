"""What of a recording is worth training on: its offset removed, silence trimmed, tones refused, long ones cut.

Waveforms are float32 tensors [N] within [-1, 1]; levels are decibels below full scale (dBFS) of 10 ms blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Cleaning", "UnusableError", "centre", "clean", "cut", "divide", "is_tone"]


class UnusableError(ValueError):
    """A recording that cannot be trained on; the message is the reason."""


@dataclass(frozen=True)
class Cleaning:
    """Seconds, and decibels. `silent` is the level below which a whole recording counts as silence,
    `quiet` how far below its loudest block the beginning and the end are trimmed, but for `margin`."""

    shortest: float = 0.3
    longest: float = 15.0
    margin: float = 0.1
    silent: float = -50.0
    quiet: float = -40.0


def centre(waveform: Tensor, sample_rate: int, options: Cleaning) -> tuple[Tensor, float]:
    """A recording [N] without its DC offset, which is its mean, and the offset; 0 if none was removed.

    An offset counts when it is louder than silence: than `silent`, and than `quiet` below the loudest block of what is
    left without it. From there on silence is not found, and a microphone's offset passes for a tone. A smaller one is
    left, so that a recording without fault stays as it is to the last bit.
    """
    offset = float(waveform.mean(dtype=torch.float64))
    centred = waveform - offset
    loudest = float(_levels(centred, sample_rate // 100).max())
    if 20 * math.log10(max(abs(offset), 1e-9)) <= max(options.silent, loudest + options.quiet):
        return waveform, 0.0
    return centred, offset


def clean(waveform: Tensor, sample_rate: int, options: Cleaning) -> list[Tensor]:
    """The usable pieces of a recording [N], in order; raises `UnusableError` when there are none."""
    block = sample_rate // 100
    levels = _levels(waveform, block)
    if levels.max() < options.silent:
        raise UnusableError("silent")
    loud = (levels > levels.max() + options.quiet).nonzero()
    margin = round(options.margin * sample_rate)
    start, stop = int(loud[0]) * block - margin, (int(loud[-1]) + 1) * block + margin
    waveform = waveform[max(0, start) : stop]
    if waveform.numel() < options.shortest * sample_rate:
        raise UnusableError(f"too short: {waveform.numel() / sample_rate:.2f} s after trimming")
    pieces = cut(waveform, round(options.longest * sample_rate), sample_rate)
    if all(is_tone(piece, sample_rate) for piece in pieces):
        raise UnusableError("a tone, not speech or music")
    return pieces


def is_tone(waveform: Tensor, sample_rate: int) -> bool:
    """Whether a waveform [N] is a beep: a few steady sinusoids and little else.

    Three things hold of a beep and never together of speech or music, in frames of 64 ms every 5 ms: the
    two strongest peaks have nearly all the energy; the strongest does not move (its frequency from the
    phase advance: Flanagan and Golden, "Phase Vocoder", 1966; a held vowel moves by 0.4 Hz and more in
    5 ms, a beep by less than 0.1); and in the whole recording it takes few values.
    """
    n, hop = round(0.064 * sample_rate), round(0.005 * sample_rate)
    if waveform.numel() < n:
        return False
    spectrum = torch.stft(waveform, n, hop, window=torch.hann_window(n), center=False, return_complex=True).T
    power = spectrum.abs().square()  # [frames, n // 2 + 1]
    loud = (power.sum(1) > 0.03 * power.sum(1).max()).nonzero()[:, 0]
    loud = loud[loud + 2 < power.shape[0]]
    if not loud.numel():
        return False
    strongest = power[loud].argmax(1)

    rest = power[loud].clone()
    for _ in range(2):
        peak = rest.argmax(1, keepdim=True) + torch.arange(-3, 4)  # a Hann window's peak, and some
        rest.scatter_(1, peak.clamp(0, rest.shape[1] - 1), 0.0)
    impurity = (rest.sum(1) / power[loud].sum(1)).median()

    phase = spectrum.angle()[loud + torch.arange(3)[:, None], strongest]  # [3, loud]
    bend = phase[2] - 2 * phase[1] + phase[0]  # how much the phase advance changes in one hop
    drift = (torch.remainder(bend + math.pi, 2 * math.pi) - math.pi).abs() / (2 * math.pi) * sample_rate / hop

    values = strongest.bincount().sort(descending=True).values[:6].sum() / strongest.numel()
    return bool(impurity < 0.05 and drift.median() < 0.12 and values > 0.8)


def _levels(waveform: Tensor, block: int) -> Tensor:
    """The level of each block of samples, dBFS [ceil(N / block)]."""
    blocks = F.pad(waveform, (0, -waveform.numel() % block)).unflatten(0, (-1, block))
    return 10 * blocks.square().mean(1).clamp(min=1e-12).log10()


def cut(waveform: Tensor, longest: int, sample_rate: int) -> list[Tensor]:
    """Pieces of at most `longest` samples, cut again and again at the quietest 50 ms of the middle third."""
    n = waveform.numel()
    if n <= longest:
        return [waveform]
    place = _quietest(waveform, n // 3, n - n // 3, sample_rate)
    return cut(waveform[:place], longest, sample_rate) + cut(waveform[place:], longest, sample_rate)


def divide(
    waveform: Tensor, seconds: float, sample_rate: int, options: Cleaning
) -> tuple[list[Tensor], list[Tensor]]:
    """The pieces of the beginning and of the end of a recording [N]; the end has `seconds`, or up to half as many more,
    as it is quiet there."""
    n, end, longest = waveform.numel(), round(seconds * sample_rate), round(options.longest * sample_rate)
    place = _quietest(waveform, n - end - end // 2, n - end, sample_rate)
    return cut(waveform[:place], longest, sample_rate), cut(waveform[place:], longest, sample_rate)


def _quietest(waveform: Tensor, first: int, last: int, sample_rate: int) -> int:
    """Where from `first` to `last` 50 ms are quietest."""
    block = sample_rate // 100
    levels = _levels(waveform[first:last], block)
    around = F.avg_pool1d(levels[None], 5, stride=1, padding=2, count_include_pad=False)[0]
    return min(first + int(around.argmin()) * block + block // 2, last)
