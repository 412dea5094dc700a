"""The GPU kernel's speed, without an engine: random weights, random conditioning."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavesynth.kernels.triton.kernel_config import KernelConfig

__all__ = ["SHAPES", "STREAMS", "other_configs", "speed"]

#: Streams at once that are measured.
STREAMS = (1, 64, 528, 2112, 4224, 8448)
#: Layers and skip channels that are measured.
SHAPES = ((20, 128), (30, 256), (50, 256))


def speed(
    layers: int, skip: int, streams: int, small: bool, config: KernelConfig | None = None
) -> dict[str, Any]:
    """kHz per stream of the kernel by `config`, or by the variant that is chosen for so many streams.

    With `small` in Triton's interpreter: the figures mean nothing.
    """
    import torch

    from wavesynth.kernels.triton.launch import Launcher
    from wavesynth.kernels.triton.offline import shape
    from wavesynth.kernels.triton.selection import TILED, choose
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
    if config is None and gpu:
        config = choose(net, streams, streams, gpu.multi_processor_count, 10 * gpu.major + gpu.minor)
    config = config or TILED[0]
    launcher, slots = Launcher(net), every.int()

    def seconds() -> float:
        if not small:
            torch.cuda.synchronize()
        begun = time.perf_counter()
        drawn = launcher.advance(pool, frames, slots, n, config=config)
        if not small:
            torch.cuda.synchronize()
        if not (drawn >= 0).all():
            raise RuntimeError("the kernel gave samples that are none")
        return time.perf_counter() - begun

    seconds()
    rates = sorted(n / seconds() / 1000 for _ in range(1 if small else 5))
    rate = rates[len(rates) // 2]
    return {
        "config": config.name, "khz_per_stream": rate, "lowest": rates[0], "highest": rates[-1],
        "total_khz": rate * streams, "real_time_factor": rate / 16,
    }  # fmt: skip


def other_configs(small: bool) -> list[tuple[KernelConfig, int, int, int]]:
    """Variants that are not chosen for so many streams: variant, layers, skip channels, streams."""
    from wavesynth.kernels.triton.selection import TILED

    if small:
        return [(TILED[-1], *SHAPES[0], 3)]
    return [(TILED[2], *SHAPES[1], 4224), (TILED[1], *SHAPES[2], 2112)]
