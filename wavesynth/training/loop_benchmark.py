"""The speed of training on random data: the trainer's own loop, compiled and in bfloat16 where it would be."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.training.configuration import TrainingConfig
from wavesynth.training.processes import Processes
from wavesynth.training.task import Report, Tensors, Validation
from wavesynth.training.trainer import Trainer

__all__ = ["measure_loop"]


class _Noise:
    """A `Task` of noise: as much work as speech."""

    fused, validated, content = False, 1, ""

    def __init__(self, model: WaveNet, frames: int) -> None:
        self.model = model
        self._frames = frames

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """Tokens and targets [B, T], mel [B, F + 2 · context, bands]."""
        c = self.model.config
        tokens = torch.randint(c.classes, (size, self._frames * c.hop + 1), generator=generator)
        mel = torch.randn(size, self._frames + 2 * c.mel_context, c.mel_bands, generator=generator)
        return tokens[:, :-1], tokens[:, 1:], mel

    def validation(self, size: int) -> Iterator[Tensors]:
        """One example."""
        yield self.batch(torch.Generator().manual_seed(0), 1)

    def loss(self, model: WaveNet, tokens: Tensor, targets: Tensor, mel: Tensor) -> Tensor:
        """Nats [B · T]."""
        logits = model(tokens, model.conditioning(mel))
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")


def measure_loop(
    model: WaveNetConfig,
    steps: int = 60,
    warmup: int = 15,
    batch_size: int = 16,
    frames: int = 100,
    precision: str | None = None,
    compiled: bool | None = None,
) -> dict[str, object]:
    """Takes `steps` steps of `batch_size` crops of `frames` frames; those after `warmup` count.

    Returns samples a second, and how it was done; precision and compilation by the device if None.
    """
    times: list[float] = []

    def log(report: Report | Validation) -> None:
        if isinstance(report, Report):
            times.append(time.perf_counter())

    config = TrainingConfig(
        batch_size=batch_size, steps=steps, validate_every=steps, checkpoint_every=steps,
        precision=precision, compile=compiled,  # type: ignore[arg-type]
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, Processes.joined() as processes:
        torch.manual_seed(0)
        trainer = Trainer(_Noise(WaveNet(model), frames), config, Path(folder), processes, {}, log)
        trainer.run()
        seconds = times[-1] - times[warmup - 1]
        return {
            "layers": model.layers,
            "device": str(processes.device),
            "bf16": trainer.bf16,
            "compiled": trainer.compiled,
            "batch_size": batch_size,
            "samples_per_step": batch_size * frames * model.hop,
            "samples_per_second": (steps - warmup) * batch_size * frames * model.hop / seconds,
        }
