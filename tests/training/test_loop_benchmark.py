"""Training as a GPU would do it, compiled and in bfloat16, every step of it on the CPU."""

import shutil

import pytest
import torch

from wavesynth.models.wavenet import WaveNetConfig
from wavesynth.training.loop_benchmark import measure_loop


@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_that_a_gpu_runs_runs_here(compiled):
    if compiled and shutil.which("g++") is None:
        pytest.skip("compiling needs g++")
    small = WaveNetConfig(1, 2, 16, 16, 32, mel_bands=8, mel_channels=16, hop=16)
    result = measure_loop(small, 3, 1, batch_size=2, frames=3, precision="bf16", compiled=compiled)
    assert (result["bf16"], result["compiled"], result["samples_per_step"]) == (True, compiled, 96)
    assert result["samples_per_second"] > 0
    assert result["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
