"""`make bench-gpu` from end to end, in the interpreter, on a machine that has little besides PyTorch and Triton."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
#: What a machine with a GPU need not have: the audio decoders, the logs, the compiled sampler.
MISSING = ("av", "soundfile", "sounddevice", "structlog", "wavesynth.kernels.cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: make bench-gpu itself")
def test_everything_is_measured_and_written(tmp_path):
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({MISSING!r})); sys.path.insert(0, '.'); "
        f"sys.argv[1:] = ['--small', '--out', {str(tmp_path)!r}]; from wavesynth.benchmarks import gpu; "
        "sys.exit(gpu.main())"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert run.returncode == 0, (results, run.stderr[-2000:])
    assert not [name for name, result in results.items() if "left_out" in result]
    assert "passed" in results["suite"]["output"]
    assert {
        "speed 20 1",
        "speed 20 3",
        "first audio",
        "first audio, corrected",
        "training 30",
        "service",
        "plot",
    } <= set(results)
    assert results["speed 20 3"]["config"] == "tiled 8"
    assert "other tiled 64w8 20 3" in results
    text = (tmp_path / "table.txt").read_text("utf-8")
    assert text in run.stdout
    assert "first audio, corrected: " in text
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
