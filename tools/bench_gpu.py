"""All that needs a GPU, in one run of under eight minutes: `make bench-gpu`, or `python tools/bench_gpu.py`.

Writes bench-gpu/results.json as it goes, and table.txt and plot.png at the end. It needs Python 3.12, torch 2.11 and
triton 3.6 or newer, and no network; the package need not be installed. What else is missing (pytest, soxr, scipy,
safetensors, matplotlib) leaves out what needs it, and the results say why. --small goes through all of it in Triton's
interpreter, with a tiny network: its figures mean nothing, but no slip of the pen waits for a GPU.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavesynth.kernels.triton.plans import Belt, Plan, Ring

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
STREAMS = (1, 64, 528, 2112, 4224, 8448)
SHAPES = ((20, 128), (30, 256), (50, 256))


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
        sys.modules["wavesynth.kernels"] = wavesynth.kernels = module  # type: ignore[attr-defined]
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
    code = (
        "import sys; sys.path[:0] = ['.', 'tools']; import bench_gpu; bench_gpu.find_kernels(); import pytest; "
        "sys.exit(pytest.main(['-m', 'gpu', '-q', '-rs', '-p', 'no:cacheprovider', '-c', '/dev/null', "
        "'--rootdir', '.', '--import-mode=importlib', *sys.argv[1:]]))"
    )
    files = ["tests/kernels/test_triton_gpu.py", "tests/audio/test_rows.py"]
    run = subprocess.run(
        [sys.executable, "-c", code, *files], cwd=ROOT, capture_output=True, text=True, timeout=240,
        env=os.environ | ({"SMALL_GPU_SUITE": "1"} if small else {}),
    )  # fmt: skip
    return {"passed": run.returncode == 0, "output": run.stdout[-4000:] + run.stderr[-500:]}


def speed(
    layers: int, skip: int, streams: int, small: bool, plan: Plan | Belt | Ring | None = None
) -> dict[str, Any]:
    """kHz per stream of the kernel, by `plan`, or by that for places for so many.

    And its share of the bound by bytes and arithmetic, which a ring does not have: it reads no weights.
    """
    import torch

    from wavesynth.kernels.triton.bounds import H100, Shape
    from wavesynth.kernels.triton.launch import Launcher
    from wavesynth.kernels.triton.offline import shape
    from wavesynth.kernels.triton.plans import TILES, Ring, choose
    from wavesynth.kernels.triton.streams import Streams

    device = "cpu" if small else "cuda"
    gpu = None if small else torch.cuda.get_device_properties(0)
    net = shape(2 if small else layers, skip=skip).to(device)
    generator = torch.Generator(device).manual_seed(0)
    for name in ("embedding", "past", "current", "residual", "skip", "hidden", "output"):
        weights = getattr(net, name)
        weights.normal_(generator=generator).mul_(weights.shape[-1] ** -0.5)
    pool = Streams.empty(net, streams)
    every = torch.arange(streams, device=device)
    pool.start(net, every)
    pool.rekey(every, every, torch.full((streams,), 1.4427, device=device))
    n = 2 if small else 800
    frames = torch.zeros(streams, n // net.hop + 1, net.layers, 128, dtype=torch.float16, device=device)
    frames.normal_(generator=generator).mul_(0.3)
    if plan is None and gpu:
        plan = choose(net, streams, streams, gpu.multi_processor_count, 10 * gpu.major + gpu.minor)
    plan = plan or TILES[0]
    launcher, slots = Launcher(net), every.int()

    def seconds() -> float:
        if not small:
            torch.cuda.synchronize()
        begun = time.perf_counter()
        drawn = launcher.advance(pool, frames, slots, n, plan=plan)
        if not small:
            torch.cuda.synchronize()
        if not (drawn >= 0).all():
            raise RuntimeError("the kernel gave samples that are none")
        return time.perf_counter() - begun

    seconds()
    rates = sorted(n / seconds() / 1000 for _ in range(1 if small else 5))
    rate = rates[len(rates) // 2]
    share = None if isinstance(plan, Ring) else rate / Shape(layers, skip=skip).bound(H100, streams)
    return {
        "plan": plan.name, "khz_per_stream": rate, "lowest": rates[0], "highest": rates[-1],
        "total_khz": rate * streams, "real_time_factor": rate / 16, "share_of_bound": share,
    }  # fmt: skip


def beside(small: bool) -> list[tuple[Plan, int, int, int]]:
    """Other plans than those that are taken for so many streams: plan, layers, skip channels, streams."""
    from wavesynth.kernels.triton.plans import TILES

    if small:
        return [(TILES[-1], *SHAPES[0], 3)]
    return [(TILES[2], *SHAPES[1], 4224), (TILES[1], *SHAPES[2], 2112)]


@contextmanager
def as_served() -> Iterator[None]:
    """One thread for PyTorch, and what is loaded left out of collections: as the server has it."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


@as_served()
def first_audio(
    neighbours: int,
    joins: int,
    heard: bool,
    small: bool = False,
    sampler: Callable[[Any], Any] | None = None,
    chunk: int = 160,
) -> dict[str, Any]:
    """Milliseconds until a stream that joins the engine has its first 10 ms, beside live neighbours.

    All of the engine but gRPC. With `heard` every stream is audio that is analysed, and made audio that is corrected by
    eight frames, as most voices have it; without, it has no input. `real_time_factor` is the seconds of audio that each
    neighbour is made in a second meanwhile: below 1, they are late. `sampler` makes one of a voice, if not this GPU's.
    """
    import torch

    from wavesynth.engine.benchmark import random_voice
    from wavesynth.engine.engine import Engine, EngineConfig
    from wavesynth.engine.scheduler import Capacity
    from wavesynth.engine.source import AudioSource, DurationSource
    from wavesynth.engine.stream import EngineRequest, EngineStream
    from wavesynth.models.wavenet import WaveNetConfig
    from wavesynth.sampling.reference import SamplingParams
    from wavesynth.voices.loaded import LoadedVoice
    from wavesynth.voices.samplers import make_sampler

    bands = 80 if heard else 0
    config = WaveNetConfig(3, 10, mel_bands=bands)
    if small:
        config = WaveNetConfig(1, 1, 32, 32, 32, mel_bands=bands, mel_channels=16)
    voice = random_voice(config)

    def of_this_gpu(voice: Any) -> Any:
        # One joins at a time; who has left keeps a place for a while.
        return make_sampler(voice, "triton", max_streams=neighbours + joins, max_batch=neighbours + 1)

    voices = {voice.name: LoadedVoice(voice, (sampler or of_this_gpu)(voice))}
    chunk = 8 if small and not heard else chunk
    noise = torch.rand(60 * 16000, generator=torch.Generator().manual_seed(0)) - 0.5
    made: dict[EngineStream, float] = {}

    def notify(streams: Sequence[EngineStream]) -> None:
        now = time.perf_counter()
        for stream in streams:
            if not stream.closed and stream.take():
                made.setdefault(stream, now)

    def opened(engine: Engine, seed: int) -> EngineStream:
        def source() -> AudioSource | DurationSource:
            return AudioSource(voice, None, 16000) if heard else DurationSource(voice, None, 60 * 16000)

        frames = (1 if small else 8) if heard else 0  # corrected jointly
        stream = engine.open(EngineRequest(voice.name, source, SamplingParams(seed), correction=frames))
        if heard:
            stream.push(noise)
        stream.finish()
        return stream

    def wait_for(streams: Sequence[EngineStream]) -> None:
        end = time.perf_counter() + 60
        while not all(stream in made for stream in streams):
            if time.perf_counter() > end:
                raise RuntimeError("no audio came within a minute")
            time.sleep(0.0002)

    places = Capacity.of(neighbours + joins, voices)
    with Engine(voices, places, EngineConfig(chunk=chunk), notify) as engine:
        others = [opened(engine, seed) for seed in range(neighbours)]
        wait_for(others)
        waits, began, before = [], time.perf_counter(), sum(stream.made for stream in others)
        for seed in range(joins):
            joined = time.perf_counter()
            stream = opened(engine, neighbours + seed)
            wait_for([stream])
            waits.append(1000 * (made[stream] - joined))
            stream.cancel()
        samples = sum(stream.made for stream in others) - before
        seconds = time.perf_counter() - began
    waits.sort()
    return {
        "neighbours": neighbours, "median_ms": waits[len(waits) // 2], "longest_ms": waits[-1],
        "real_time_factor": samples / 16000 / neighbours / seconds if neighbours else None,
    }  # fmt: skip


def training(stacks: int, small: bool) -> dict[str, Any]:
    """Samples a second that the trainer learns from."""
    from wavesynth.models.wavenet import WaveNetConfig
    from wavesynth.training.loop_benchmark import measure_loop

    if small:
        tiny = WaveNetConfig(1, 2, 16, 16, 32, mel_bands=8, mel_channels=16, hop=16)
        return measure_loop(tiny, 3, 1, batch_size=2, frames=3, compiled=False)
    return measure_loop(WaveNetConfig(stacks))


def table(results: dict[str, Any]) -> str:
    """The results to read."""
    lines = [
        json.dumps(results.get("machine")),
        "",
        f"{'layers':>6} {'streams':>8} {'plan':>9} {'kHz':>8} {'total':>10} share",
    ]
    for name, r in results.items():
        if name.startswith("speed"):
            _, layers, streams = name.split()
            if "left_out" in r:
                lines.append(f"{layers:>6} {streams:>8} {r['left_out']}")
            else:
                share = "" if r["share_of_bound"] is None else f"{r['share_of_bound']:5.0%}"
                rates = f"{r['khz_per_stream']:8.2f} {r['total_khz']:10,.0f}"
                lines.append(f"{layers:>6} {streams:>8} {r['plan']:>9} {rates} {share}")
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
    small = options.small
    if small:
        os.environ["TRITON_INTERPRET"] = "1"
    find_kernels()
    import torch

    if not small and not torch.cuda.is_available():
        print(
            "bench-gpu needs an NVIDIA GPU, and PyTorch finds none; --small tries it in the interpreter",
            file=sys.stderr,
        )
        return 1
    results = Results(options.out, small, options.budget, options.only)
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
    for plan, layers, skip, streams in beside(small):
        measure = partial(speed, layers, skip, streams, small, plan)
        results.add(f"way {plan.name} {layers} {streams}", 20, measure)
    results.add("plot", 0, lambda: plot(results.all, options.out / "plot.png"))
    text = table(results.all)
    (options.out / "table.txt").write_text(text, encoding="utf-8")
    print(text)
    return int(any("left_out" in r or not r.get("passed", True) for r in results.all.values()))


if __name__ == "__main__":
    sys.exit(main())
