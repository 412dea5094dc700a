"""Spectrograms, for eyes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.analysis import hann_window
from wavesynth.audio.figures import Axes, AxesImage, Figure, FigureCanvasAgg
from wavesynth.audio.score import Score
from wavesynth.files import atomic_path

__all__ = ["save_score", "save_spectrograms", "spectrograms"]

#: From black to white, in decibels.
RANGE = 75.0
_LEVEL = "level (dBFS)"


def save_spectrograms(path: str | Path, waveforms: Mapping[str, ArrayLike], sample_rate: int = 16000) -> None:
    """Writes `spectrograms` as a PNG file."""
    _save(path, spectrograms(waveforms, sample_rate))


def spectrograms(waveforms: Mapping[str, ArrayLike], sample_rate: int = 16000) -> Figure:
    """The spectrogram of each waveform [N] under its title, one above the other.

    All share one time axis and one scale of decibels, so what looks different is different.
    """
    if not waveforms:
        raise ValueError("there are no waveforms to draw; there must be at least one")
    samples = {title: np.asarray(w, np.float32) for title, w in waveforms.items()}
    levels = {title: _decibels(waveform, sample_rate) for title, waveform in samples.items()}
    top = max(float(np.quantile(level, 0.998)) for level in levels.values())  # a few peaks may glare

    figure, axes = _panels(len(levels))
    for axis, (title, level) in zip(axes, levels.items(), strict=True):
        image = _draw(axis, level, top, len(samples[title]) / sample_rate, sample_rate)
        axis.set_title(title, loc="left", fontsize=11)
    axes[-1].set_xlim(0, max(map(len, samples.values())) / sample_rate)
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=list(axes), label=_LEVEL, pad=0.015, fraction=0.04)
    return figure


def save_score(path: str | Path, waveform: ArrayLike, score: Score, title: str = "") -> None:
    """Writes a PNG file: the spectrogram of a waveform [N] at the score's rate, and below it the bits/sample of each
    frame on the same time axis."""
    samples = np.asarray(waveform, np.float32)
    level = _decibels(samples, score.sample_rate)
    figure, (above, below) = _panels(2)
    top = float(np.quantile(level, 0.998))
    image = _draw(above, level, top, score.seconds, score.sample_rate)
    above.set_title(title, loc="left", fontsize=11)
    figure.colorbar(image, ax=above, label=_LEVEL, pad=0.015, fraction=0.04)
    mean = score.bits_per_sample
    below.stairs(score.frame_bits, np.append(score.frame_seconds, score.seconds), baseline=None, lw=0.9)
    below.axhline(mean, color="0.3", lw=0.9, ls="--")
    below.set(xlim=(0, score.seconds), ylim=(0, None), xlabel="time (s)", ylabel="bits/sample")
    below.set_title(
        f"under {score.voice}, in {score.arithmetic}; of all samples (dashed) {mean:.3f}",
        loc="left",
        fontsize=11,
    )
    below.grid(axis="y", alpha=0.3)
    _save(path, figure)


def _panels(count: int) -> tuple[Figure, NDArray[Any]]:
    """A figure with so many panels, one above the other, with one time axis."""
    figure = Figure(figsize=(10, 0.7 + 2.4 * count), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(count, sharex=True, squeeze=False)[:, 0]


def _draw(axis: Axes, level: NDArray[np.float64], top: float, seconds: float, sample_rate: int) -> AxesImage:
    """A spectrogram, in a range of decibels that ends with `top`."""
    image = axis.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, sample_rate / 2000),
        vmin=top - RANGE,
        vmax=top,
        cmap="magma",
        interpolation="bilinear",
    )
    axis.set_ylabel("frequency (kHz)")
    axis.set_facecolor(image.get_cmap()(0.0))
    return image


def _save(path: str | Path, figure: Figure) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _decibels(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Power per bin of 32 ms frames, dB [n // 2 + 1, frames]; a full-scale sine stands at 0."""
    if samples.ndim != 1 or not samples.size:
        raise ValueError(f"waveform has shape {list(samples.shape)}; it must be one channel, [N], N >= 1")
    n = 2 * round(0.016 * sample_rate)
    hop = max(n // 8, samples.size // 2000)  # no more columns than the picture can show
    window = hann_window(n)
    frames = sliding_window_view(np.pad(samples, n // 2), n)[::hop]
    magnitude = np.abs(np.fft.rfft(frames * window)) / (window.sum() / 2)
    return 20 * np.log10(np.maximum(magnitude, 1e-8)).T
