"""The engine's speed: samples a second of a backend with random weights, without server or network."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.networks import Network
from wavesynth.sampling.int8 import Scales
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.wavenet import WaveNetVoice

__all__ = ["measure_engine", "random_voice"]

_SAMPLE_RATE = 16000
_PARTS = 10


def random_voice(config: WaveNetConfig, activation_bits: int = 8) -> WaveNetVoice:
    """A voice that has learnt nothing: as fast as one that has."""
    torch.manual_seed(0)
    model = WaveNet(config).requires_grad_(False).eval()
    layers = np.full((config.layers, config.residual), 32, np.float32)
    scales = Scales(
        layers, layers * 4, np.full(config.skip, 128, np.float32), np.full(config.classes, 128, np.float32)
    )
    return WaveNetVoice(
        name="random", network=Network.of(model), scales=scales, activation_bits=activation_bits
    )


def measure_engine(
    backend: str,
    layers: int,
    residual: int,
    skip: int,
    classes: int,
    streams: int,
    seconds: float,
    threads: int = 1,
    activation_bits: int = 8,
) -> dict[str, object]:
    """Advances `streams` streams for about `seconds` in ten parts; the median part decides.

    Raises ValueError for a backend or a shape that there is not.
    """
    stacks, depth = (layers // 10, 10) if layers >= 10 else (1, layers)
    config = WaveNetConfig(stacks, depth, residual, skip, classes, mel_bands=0)
    sampler = make_sampler(random_voice(config, activation_bits), backend, threads, streams)
    states = [sampler.start() for _ in range(streams)]
    params = [SamplingParams(seed) for seed in range(streams)]
    conditioning = [torch.randn(2, config.layers, 2 * residual) * 0.1] * streams

    def advance(hops: int) -> float:
        start = time.perf_counter()
        for _ in range(hops):
            sampler.advance(states, conditioning, params, config.hop)
        return hops * config.hop / (time.perf_counter() - start)

    advance(1)
    hops = max(1, round(advance(1) * seconds / _PARTS / config.hop))
    rates = [advance(hops) for _ in range(_PARTS)]
    rate = statistics.median(rates)
    return {
        "backend": backend,
        "device": sampler.device,
        "layers": layers,
        "residual": residual,
        "skip": skip,
        "classes": classes,
        "streams": streams,
        "threads": threads,
        "samples_per_second_per_stream": rate,
        "samples_per_second_per_stream_lowest": min(rates),
        "samples_per_second_per_stream_highest": max(rates),
        "real_time_factor": rate / _SAMPLE_RATE,
        "samples_per_second_total": rate * streams,
        "bytes_per_stream": sampler.bytes_per_stream,
    }
