"""The sampler of harmonics and noise on a processor: `kernels/cpu/harmonic.hpp` behind the engine's protocol."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from wavesynth.audio.analysis import MelConfig, filter_bank, hann_window
from wavesynth.sampling.backends.kernel import KernelSampler, contiguous

if TYPE_CHECKING:
    from wavesynth.networks import Network

__all__ = ["HarmonicSampler"]

#: The least length of the transforms, in seconds: bins of 31 Hz.
_SECONDS = 0.032


class HarmonicSampler(KernelSampler):
    """A `Sampler` of a `wavesynth.models.harmonic.Harmonic`, of log-mel that `mel` describes, frame after frame.

    A stream's temperature is how loud its noise is, 1 as loud as the network says. The instruction set is as that of
    FlowSampler. Raises ValueError for one that this processor does not have.
    """

    def __init__(self, network: Network, mel: MelConfig, threads: int = 1) -> None:
        from wavesynth.kernels.cpu import HarmonicSampler as Kernel

        c, bank = network.config, filter_bank(mel)
        points = 1 << (max(2 * c.hop, round(_SECONDS * mel.sample_rate)) - 1).bit_length()
        # Where a band has its mean, and how far above one a bin of the transforms is.
        widths = bank.sum(0)
        middles = (np.linspace(0, mel.sample_rate / 2, len(bank)) @ bank) / widths
        bins = np.arange(points // 2 + 1) * (mel.sample_rate / points)
        above = np.interp(bins, middles, np.arange(mel.bands, dtype=np.float64))
        band = np.minimum(above.astype(np.int32), max(mel.bands - 2, 0))
        # Log-mel is (log10(power) + 2) / 2; noise of a deviation of 1 has the power of the window in a band as wide.
        window = np.square(hann_window(mel.window)).sum()
        level = -np.log(10) - 0.5 * np.log(widths * window)
        super().__init__(
            Kernel(
                c.pitches,
                c.per_octave,
                c.lowest,
                c.noises,
                c.minimum_phase,
                mel.sample_rate,
                contiguous(network),
                level.astype(np.float32),
                band,
                (above - band).astype(np.float32),
                np.sqrt(hann_window(2 * c.hop)).astype(np.float32),
                os.environ.get("WAVESYNTH_INSTRUCTION_SET", ""),
            ),
            threads,
        )
