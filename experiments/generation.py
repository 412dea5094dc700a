"""Slow and fast generation: a WaveNet computed anew for each sample, with its layers' memories, in C++, and a flow.

    python -m experiments.generation --out out
    python -m experiments.generation --voices allison-small NAME --out out

Found: memories make a WaveNet tens of times as fast as full computation, and C++ with 8-bit integers hundreds of times
more; all three are the same network (docs/lab/2026-11-30-four-families.md).

Gives the processor seconds of one core for a second of audio. What computes anew is timed on a few samples after its
receptive field is full, what remembers on a tenth of a second; whole voices on two seconds, conditioning included.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch

import wavesynth
from experiments import results
from experiments.processor_time import spent
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.reference import logits_naive, sample
from wavesynth.voices.wavenet import load_wavenet

_SECONDS = 2.0


def definition(name: str, naive: int = 8, remembered: int = 1600) -> dict[str, float]:
    """The processor seconds that PyTorch takes for a second of a WaveNet voice: computed anew, and with memories."""
    voice = load_wavenet(name)
    weights = voice.float32()
    rate = voice.sample_rate
    frames = -(-(voice.receptive_field + remembered) // weights.hop)
    conditioning = torch.zeros(frames, len(weights.dilations), 2 * voice.config.residual)
    tokens = torch.full((voice.receptive_field + 1,), weights.start_token)

    def anew() -> None:
        for _ in range(naive):
            logits_naive(weights, tokens, conditioning)

    anew()
    params = SamplingParams(seed=0)
    with_memories = spent(lambda: sample(weights, weights.start(), conditioning, params, remembered))
    return {
        f"{name}: PyTorch, computed anew for each sample": spent(anew) / naive * rate,
        f"{name}: PyTorch, layers remember": with_memories / remembered * rate,
    }


def served(name: str) -> float:
    """The processor seconds for a second of a voice as it is served, by one core, without correction."""
    recording = 0.2 * np.sin(np.arange(int(_SECONDS * 16000)) * 0.05)
    with wavesynth.Synthesizer(name, threads=1) as synthesizer:
        speak = partial(synthesizer.synthesize, recording, sample_rate=16000, correction=False)
        speak()
        return spent(lambda: speak(seed=1)) / _SECONDS


def main() -> None:
    """Parses the arguments, measures, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voices", nargs="+", default=["allison-small"], help="the first is a WaveNet")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder to write to (default out)")
    arguments = parser.parse_args()
    results.check(arguments.out, "generation")
    torch.set_num_threads(1)
    seconds = definition(arguments.voices[0])
    seconds |= {f"{name}: as it is served": served(name) for name in arguments.voices}
    slowest = max(seconds.values())
    lines = ["| | processor time for 1 s of audio (s) | times as fast |", "|---|---:|---:|"]
    lines += [f"| {name} | {each:,.3f} | {slowest / each:,.0f} |" for name, each in seconds.items()]
    results.save(arguments.out, "generation", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
