"""All that needs a GPU, in one run of under eight minutes: `make bench-gpu`, or `wavesynth bench gpu`.

Writes bench-gpu/results.json as it goes, and table.txt and plot.png at the end. It needs Python 3.12, torch 2.11 and
triton 3.6 or newer, and no network. In a checkout the package need not be installed: `python -m
wavesynth.benchmarks.gpu`. What else is missing (pytest, soxr, scipy, safetensors, matplotlib) leaves out what needs it,
and the results say why. --small goes through all of it in Triton's interpreter, with a tiny network: its figures mean
nothing, but a mistake in the program is found without a GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from wavesynth.benchmarks.first_audio import first_audio
from wavesynth.benchmarks.kernel_speed import SHAPES, STREAMS, other_configs, speed

__all__ = ["find_kernels", "main", "measure_gpu"]

ROOT = Path(__file__).parents[2]
#: The tests that need a GPU, in a checkout.
_SUITE = ("tests/kernels/test_triton_gpu.py", "tests/audio/test_executor.py")


def find_kernels() -> None:
    """Makes `kernels/` importable as wavesynth.kernels where the package is not installed."""
    import wavesynth

    if importlib.util.find_spec("wavesynth.kernels") is None:
        place = ROOT / "kernels"
        spec = importlib.util.spec_from_file_location(
            "wavesynth.kernels", place / "__init__.py", submodule_search_locations=[str(place)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["wavesynth.kernels"] = vars(wavesynth)["kernels"] = module
        spec.loader.exec_module(module)


class Results:
    """Figures and reasons, written after each of them."""

    def __init__(self, folder: Path, small: bool, budget: float, only: str) -> None:
        self.folder, self.small, self.budget, self.only = folder, small, budget, only
        self.began = time.monotonic()
        self.all: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.budget - (time.monotonic() - self.began)

    def add(self, name: str, seconds: float, measure: Callable[[], Any]) -> None:
        """Measures, if it is wanted and there are so many seconds left; an error is a result too."""
        if not re.search(self.only, name):
            return
        print(f"{name} ...", file=sys.stderr, flush=True)
        if self.left < seconds:
            self.all[name] = {"left_out": f"{self.left:.0f} s were left, it may take {seconds:.0f}"}
        else:
            try:
                self.all[name] = measure()
            except Exception as error:
                self.all[name] = {"left_out": f"{type(error).__name__}: {error}"}
        path = self.folder / "results.json"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.all, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)


def machine() -> dict[str, Any]:
    """What it all ran on."""
    import torch
    import triton

    gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    return {
        "gpu": gpu.name if gpu else None,
        "multiprocessors": gpu.multi_processor_count if gpu else None,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "triton": triton.__version__,
    }


def suite(small: bool) -> dict[str, Any]:
    """The gpu-marked tests."""
    if importlib.util.find_spec("pytest") is None:
        return {"left_out": "pytest is not installed"}
    if not all((ROOT / file).exists() for file in _SUITE):
        return {"left_out": "the tests are not installed; run it in a checkout"}
    code = (
        "import sys; sys.path.insert(0, '.'); from wavesynth.benchmarks.gpu import find_kernels; find_kernels(); "
        "import pytest; "
        "sys.exit(pytest.main(['-m', 'gpu', '-q', '-rs', '-p', 'no:cacheprovider', '-c', '/dev/null', "
        "'--rootdir', '.', '--import-mode=importlib', *sys.argv[1:]]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *_SUITE], cwd=ROOT, capture_output=True, text=True, timeout=240,
        env=os.environ | ({"SMALL_GPU_SUITE": "1"} if small else {}),
    )  # fmt: skip
    return {"passed": run.returncode == 0, "output": run.stdout[-4000:] + run.stderr[-500:]}


def training(stacks: int, small: bool) -> dict[str, Any]:
    """Samples a second that the trainer learns from."""
    from wavesynth.models.wavenet import WaveNetConfig
    from wavesynth.training.loop_benchmark import measure_loop

    if small:
        tiny = WaveNetConfig(1, 2, 16, 16, 32, mel_bands=8, mel_channels=16, hop=16)
        return measure_loop(tiny, 3, 1, batch_size=2, frames=3, compiled=False)
    return measure_loop(WaveNetConfig(stacks))


def service(small: bool, seconds: float) -> dict[str, Any]:
    """The most streams that are heard without an underrun through gRPC, what the server admits, first audio, and
    processor time for a second of audio: `bench service`, on the voice that is served by default."""
    load = [
        "--streams",
        "1",
        "--seconds",
        "1",
        "--calls",
        "1",
        "--server-options",
        "--backend cpu --live-streams 1",
    ]
    if not small:
        front_ends = max(1, (os.cpu_count() or 1) // 2)
        load = [
            "--find-capacity",
            "--seconds",
            "10",
            "--server-options",
            f"--backend triton --workers {front_ends}",
        ]
    run = subprocess.run(
        [sys.executable, "-m", "wavesynth", "bench", "service", "--json", *load],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds,
        env={name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"},
    )  # fmt: skip
    if run.returncode:
        return {"left_out": run.stderr[-500:]}
    return {"options": load, **json.loads(run.stdout)}


def table(results: dict[str, Any]) -> str:
    """The results to read."""
    lines = [
        json.dumps(results.get("machine")),
        "",
        f"{'layers':>6} {'streams':>8} {'variant':>19} {'kHz':>8} {'total':>10}",
    ]
    for name, r in results.items():
        if name.startswith("speed"):
            _, layers, streams = name.split()
            if "left_out" in r:
                lines.append(f"{layers:>6} {streams:>8} {r['left_out']}")
            else:
                rates = f"{r['khz_per_stream']:8.2f} {r['total_khz']:10,.0f}"
                lines.append(f"{layers:>6} {streams:>8} {r['config']:>19} {rates}")
    rest = {name: r for name, r in results.items() if not name.startswith(("speed", "machine"))}
    return "\n".join([*lines, "", *(f"{name}: {json.dumps(r)}" for name, r in rest.items())]) + "\n"


def plot(results: dict[str, Any], path: Path) -> dict[str, Any]:
    """kHz per stream over streams, a line for each depth, and real time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for layers, _ in SHAPES:
        points = [(n, results.get(f"speed {layers} {n}", {}).get("khz_per_stream")) for n in STREAMS]
        points = [point for point in points if point[1]]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=f"{layers} layers")
    axes.axhline(16, color="grey", linestyle="--", label="real time")
    axes.set(xscale="log", xlabel="streams", ylabel="kHz per stream")
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")
    return {"written": path.name}


def measure_gpu(out: Path, small: bool = False, budget: float = 460.0, only: str = "") -> bool:
    """Measures all that `only`, a regular expression, finds in its name, within `budget` seconds; writes it to `out`
    and prints it. Whether nothing was left out and the suite passed.

    Raises ValueError if there is no GPU and it is not `small`.
    """
    if small:
        os.environ["TRITON_INTERPRET"] = "1"
    find_kernels()
    import torch

    if not small and not torch.cuda.is_available():
        raise ValueError(
            "bench gpu needs an NVIDIA GPU, and PyTorch finds none; --small tries it in the interpreter"
        )
    results = Results(out, small, budget, only)
    results.add("machine", 0, machine)
    results.add("suite", 100, lambda: suite(small))
    shapes, counts = (SHAPES[:1], (1, 3)) if small else (SHAPES, STREAMS)
    for layers, skip in shapes:
        for streams in counts:
            results.add(f"speed {layers} {streams}", 20, partial(speed, layers, skip, streams, small))
    joins = 1 if small else 20
    results.add("first audio, alone", 30, lambda: first_audio(0, joins, False, small))
    results.add("first audio", 30, lambda: first_audio(2 if small else 2000, joins, False, small))
    results.add("first audio, corrected", 30, lambda: first_audio(1 if small else 200, joins, True, small))
    for stacks in (3,) if small else (3, 5):
        results.add(f"training {10 * stacks}", 60, partial(training, stacks, small))
    for config, layers, skip, streams in other_configs(small):
        measure = partial(speed, layers, skip, streams, small, config)
        results.add(f"other {config.name} {layers} {streams}", 20, measure)
    results.add("service", 200, lambda: service(small, 200.0))
    results.add("plot", 0, lambda: plot(results.all, out / "plot.png"))
    text = table(results.all)
    (out / "table.txt").write_text(text, encoding="utf-8")
    print(text)
    return not any("left_out" in r or not r.get("passed", True) for r in results.all.values())


def main() -> int:
    """0 if nothing was left out and the suite passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "bench-gpu")
    parser.add_argument("--small", action="store_true")
    parser.add_argument(
        "--budget",
        type=float,
        default=460.0,
        help="seconds for all of it (460); what none are left for is left out, and said to be",
    )
    parser.add_argument(
        "--only",
        default="",
        help="a regular expression for the names of what is measured, as in results.json",
    )
    options = parser.parse_args()
    try:
        return int(not measure_gpu(options.out, options.small, options.budget, options.only))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
