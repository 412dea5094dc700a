"""What a copy is worth, by the measures that vocoders are compared with.

All take waveforms as float32 arrays [N] at 16 kHz, the original first; copy and original are sample by sample the
same utterance. The libraries that only evaluation needs are imported when they are used.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wavesynth.audio.mel import log_mel

__all__ = ["distillmos", "dnsmos", "f0_error", "log_mel_distance", "pesq_wb", "stoi", "visqol"]

Samples = NDArray[np.float32]

_RATE = 16000


def log_mel_distance(original: Samples, copy: Samples) -> float:
    """Decibels between the two log-mel spectrograms: the mean, over frames and bands, of |10·log10(power ratio)|.

    The spectrograms are those that voices are conditioned on (wavesynth.audio.mel, floor included).
    """
    a, b = (log_mel(torch.from_numpy(samples)) for samples in (original, copy))
    return 20 * float((a - b).abs().double().mean())  # the feature is half of log10(power)


def pesq_wb(original: Samples, copy: Samples) -> float | None:
    """Wideband PESQ (ITU-T P.862.2), MOS-LQO from 1.04 to 4.64; None where it finds no speech."""
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(_RATE, original, copy, "wb"))
    except NoUtterancesError:
        return None


def stoi(original: Samples, copy: Samples) -> float:
    """Short-time objective intelligibility (Taal et al., 2011), at most 1."""
    from pystoi import stoi as measure

    return float(measure(original, copy, _RATE))


def visqol(original: Samples, copy: Samples) -> float | None:
    """ViSQOL in speech mode (Hines et al., 2015; Chinen et al., 2020), MOS-LQO from 1 to 5; None where it finds no
    speech.

    Its similarity becomes an opinion by the polynomial, which makes 5 of an identical copy; the lattice network that it
    has too needs another runtime.
    """
    reference, other = original.astype(np.float64), copy.astype(np.float64)
    found = float(_visqol().measure_from_arrays(reference, other, _RATE).moslqo)
    return found if np.isfinite(found) else None


@cache
def _visqol() -> Any:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="speech", use_lattice_model=False)
    return api


def f0_error(original: NDArray[np.float64], copy: NDArray[np.float64]) -> tuple[float | None, float]:
    """The root mean square, in cents, of the difference of two `f0` where both are voiced; and the percentage of
    frames that are voiced in one only. The first is None when no frame is voiced in both."""
    voiced, spoken = original > 0, copy > 0
    both = voiced & spoken
    cents = 1200 * np.log2(copy[both] / original[both])
    error = float(np.sqrt(np.mean(cents**2))) if both.any() else None
    return error, 100 * float(np.mean(voiced != spoken))


def dnsmos(samples: Samples) -> float:
    """DNSMOS P.835 overall quality (Reddy et al., 2022), from 1 to 5, without a reference."""
    return float(_dnsmos()(np.clip(samples, -1, 1), _RATE, False)["ovrl_mos"])


@cache
def _dnsmos() -> Any:
    import speechmos
    from onnxruntime import InferenceSession, SessionOptions
    from speechmos.dnsmos import DNSMOS

    options = SessionOptions()
    options.intra_op_num_threads = 1  # clips are measured side by side
    # Not by its constructor, which takes all cores, and loads a second model that gives another score (P.808),
    # takes three quarters of the time, and is not asked for.
    model = DNSMOS.__new__(DNSMOS)
    path = Path(speechmos.__file__).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    model.onnx_sess = InferenceSession(str(path), options)
    model.p808_onnx_sess = SimpleNamespace(run=lambda *_: [[[0.0]]])
    return model


def distillmos(samples: Samples) -> float:
    """DistillMOS (Stahl and Gamper, 2025), from 1 to 5, without a reference: a small network that learned from a large
    one that listeners taught. Parts of 7.7 s are judged, and the mean is given."""
    with torch.inference_mode():
        return float(_distillmos()(torch.from_numpy(samples)[None]))


@cache
def _distillmos() -> Any:
    with redirect_stdout(StringIO()):  # it prints which weights it loads
        from distillmos import ConvTransformerSQAModel

        return ConvTransformerSQAModel().eval()
