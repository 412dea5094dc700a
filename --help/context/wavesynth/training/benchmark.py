"""Training's speed: samples a second of each way to take a step, on noise, one way after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.training.fused import fused_nats, is_supported

__all__ = ["WAYS", "measure_training"]

#: The ways to take a step, from the plainest on.
WAYS = ("float32", "bf16", "bf16 compiled", "fused")


def measure_training(
    layers: int, batch: int, frames: int, steps: int, ways: tuple[str, ...] = WAYS
) -> dict[str, dict[str, float]]:
    """Samples a second, by the clock and by the processor's time, of the median of `steps` steps of each way.

    A step is forward, backward, clipping and AdamW on `batch` crops of `frames` frames; every sample counts. The ways
    take turns, step by step, so that other work on the machine meets all of them. Raises ValueError for a network
    that there is not.
    """
    if layers < 10 or layers % 10:
        raise ValueError(f"layers is {layers}; it must be a multiple of 10")
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(stacks=layers // 10))
    c = model.config
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    tokens, targets = torch.randint(c.classes, (2, batch, frames * c.hop))
    mel = torch.randn(batch, frames + 2 * c.mel_context, c.mel_bands)

    def plain() -> Tensor:
        logits = model(tokens, model.conditioning(mel))
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def fused() -> Tensor:
        return fused_nats(model, tokens, targets, model.conditioning(mel), 0).mean()

    losses: dict[str, Callable[[], Tensor]] = {
        "float32": plain, "bf16": plain, "bf16 compiled": torch.compile(plain), "fused": fused
    }  # fmt: skip
    if not is_supported(c):
        losses.pop("fused")
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in losses if way in ways}
    for _ in range(1 + steps):  # the first warms up, and compiles
        for way, times in took.items():
            start, processor = time.perf_counter(), time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=way != "float32"):
                loss = losses[way]()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            times.append((time.perf_counter() - start, time.process_time() - processor))
    samples = batch * frames * c.hop
    return {
        way: {
            "samples_per_second": samples / statistics.median(clock for clock, _ in times[1:]),
            "samples_per_core_second": samples / statistics.median(processor for _, processor in times[1:]),
        }
        for way, times in took.items()
    }
