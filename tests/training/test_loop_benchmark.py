"""Training as a GPU would do it, compiled and in bfloat16, every step of it on the CPU."""

import os
import shutil
from functools import partialmethod
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.training import loop_benchmark

SMALL = WaveNetConfig(1, 2, 16, 16, 32, mel_bands=8, mel_channels=16, hop=16)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_that_a_gpu_runs_runs_here(compiled, monkeypatch):
    if compiled and "COMPILE_ALL" not in os.environ:
        # Traced and differentiated as ever, without half a minute of g++ for the code that comes of it.
        monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager"))
    elif compiled and shutil.which("g++") is None:
        pytest.skip("compiling needs g++")
    done = []

    class Watched(WaveNet):
        def forward(self, tokens, conditioning, inverse_scales=None):
            logits = super().forward(tokens, conditioning, inverse_scales)
            done.append((logits.dtype, torch.compiler.is_compiling()))
            return logits

    monkeypatch.setattr(loop_benchmark, "WaveNet", Watched)
    result = loop_benchmark.measure_loop(
        SMALL, 3, 1, batch_size=2, frames=3, precision="bf16", compiled=compiled
    )
    assert (torch.bfloat16, compiled) in done
    assert result["device"] == ("cuda" if torch.cuda.is_available() else "cpu")


def test_only_the_steps_after_the_warm_up_count(monkeypatch):
    clock = iter([60.0, 90.0, 91.0, 93.0])  # seconds at the end of each step; the first two are slow
    monkeypatch.setattr(loop_benchmark, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    result = loop_benchmark.measure_loop(SMALL, 4, 2, batch_size=2, frames=3, compiled=False)
    assert result["samples_per_second"] == pytest.approx(2 * 2 * 3 * 16 / 3)
