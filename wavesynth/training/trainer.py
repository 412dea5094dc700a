"""The training loop, the same for every model.

    wavesynth train alice.toml              one process: a GPU if there is one, or the CPU
    wavesynth train alice.toml --resume     goes on from the newest checkpoint
    torchrun --nproc-per-node 8 --no-python wavesynth train alice.toml          eight GPUs
    tensorboard --logdir runs                                      the curves

What a model brings is a `Task`: batches, a loss, a validation set. A step is a function of the weights, the
optimiser's state and the step's number, for everything random in it is drawn from (seed, step). So a run that
is resumed does what it would have done had it never stopped; and several processes, each with its rows of the
joint batch, do what one would have done with all of it.
"""

from __future__ import annotations

import copy
import itertools
import math
import shutil
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from signal import SIGTERM
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wavesynth.training.checkpoint import Checkpoint, prune
from wavesynth.training.configuration import TrainingConfig
from wavesynth.training.not_finite import first_not_finite
from wavesynth.training.processes import Processes
from wavesynth.training.signals import Signals
from wavesynth.training.task import Report, Stopped, Task, Tensors, Validation

__all__ = ["Trainer"]

#: Examples that a CPU validates at once: after each such batch a signal is heard.
_MOST_VALIDATED = 16
#: Steps by which a run's length is estimated.
_STEPS_TIMED = 3
#: Of a run that has to fit into some time, the learning rate rises for at most one step in so many.
_MOST_WARMUP = 10


class Trainer:
    """One run in one folder. `configuration` is kept in the checkpoints, for whoever reads them."""

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        folder: Path,
        processes: Processes,
        configuration: dict[str, Any],
        log: Callable[[Report | Validation], None] = lambda report: None,
    ) -> None:
        if config.batch_size % processes.world:
            raise ValueError(
                f"[training] batch_size is {config.batch_size}; "
                f"it must be a multiple of the number of processes, {processes.world}"
            )
        self.task, self.config, self.folder, self.processes = task, config, folder, processes
        self.configuration, self.log = configuration, log
        #: Is told how many examples of the validation set, of how many, have been looked at.
        self.validating: Callable[[int, int], None] = lambda done, total: None
        #: Whether `run` was asked to stop.
        self.signals = Signals()
        self.step = 0
        self.content = task.content
        #: Whether a run that is resumed had other data when its checkpoint was written.
        self.data_changed = False
        self.model = task.model.to(processes.device)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), betas=config.betas, weight_decay=config.weight_decay
        )
        # bfloat16 without instructions for it is slower than float32; and on a CPU compiling needs a C++
        # compiler, and pays only in bfloat16 without a fused kernel (docs/explanation/training.md has the figures).
        cuda, cpu = processes.device.type == "cuda", torch.cpu.get_capabilities()
        fast = cuda or any(cpu.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
        self.bf16 = fast if config.precision is None else config.precision == "bf16"
        pays = cuda or (self.bf16 and not task.fused and shutil.which("g++") is not None)
        self.compiled = pays if config.compile is None else config.compile
        self.fused = task.fused and self.bf16 and not (cuda or self.compiled)

    def run(self) -> None:
        """Trains until the last step.

        Raises Stopped after SIGTERM or SIGINT, the state being saved; FloatingPointError when the loss or its
        gradient is not finite; OSError when a checkpoint cannot be written. What was saved before stays.
        """
        c, processes, measure = self.config, self.processes, self._measure
        with self.signals as signals, closing(self._batches()) as batches:
            if self.step in (0, c.steps):  # at the last step: whose validation was interrupted
                validation = self.validate(lambda: signals.received != 0)
                if validation is None:
                    raise Stopped(signals.received or SIGTERM, self.step)
                self.log(Validation(self.step, validation))
                if self.step == c.steps:
                    self.save(validation)
            while self.step < c.steps:
                batch = next(batches)
                for group in self.optimizer.param_groups:
                    group["lr"] = c.rate(self.step)
                with self._autocast():
                    nats = measure(*batch)
                loss = nats.mean()
                loss.backward()
                norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), c.clip))
                total, stop = processes.sum(loss.detach(), signals.received != 0)
                bits = total / processes.world / math.log(2)
                if not math.isfinite(bits) or not math.isfinite(norm):
                    raise FloatingPointError(
                        f"step {self.step} has a loss of {bits} and a gradient of norm {norm}; both must "
                        f"be finite, and {self._first_not_finite(batch)} is the first that is not: resume from the "
                        "last checkpoint with a lower learning_rate or clip"
                    )
                self.optimizer.step()
                self.optimizer.zero_grad()
                self.step += 1
                self._follow()
                self.log(Report(self.step, bits, nats.numel() * processes.world, c.rate(self.step - 1), norm))
                done = self.step == c.steps
                validation = None
                if done or (self.step % c.validate_every == 0 and not stop):
                    validation = self.validate(lambda: signals.received != 0)
                    if validation is None:
                        stop, done = 1, False
                    else:
                        self.log(Validation(self.step, validation))
                if stop or validation is not None or self.step % c.checkpoint_every == 0:
                    self.save(validation)
                if stop and not done:
                    raise Stopped(signals.received or SIGTERM, self.step)

    @torch.no_grad()
    def validate(self, stop: Callable[[], bool] = lambda: False) -> float | None:
        """Bits/sample of the moving average of the weights on the validation set; None if `stop`, which is asked after
        each batch, has ended it in any process.
        """
        processes, size = self.processes, self.config.batch_size // self.processes.world
        if processes.device.type == "cpu":
            size = min(size, _MOST_VALIDATED)
        nats, samples, done = torch.zeros((), dtype=torch.float64, device=processes.device), 0, 0
        for number, batch in enumerate(self.task.validation(size)):
            done += len(batch[0])
            if number % processes.world != processes.rank:
                continue
            with self._autocast():
                each = self.task.loss(self.average, *(rows.to(processes.device) for rows in batch))
            nats += each.double().sum()
            samples += each.numel()
            self.validating(done, self.task.validated)
            if stop():
                break
        total, count, stopped = processes.sum(nats, samples, stop())
        return None if stopped else total / count / math.log(2)

    def seconds_per_step(self) -> float:
        """What a step takes here, by a few whose gradients are thrown away, so that the run is as if it had not been.

        All processes must call it. The first one compiles, if anything is compiled, and does not count. A batch that
        takes longer to make than to compute, as with augmentation, is waited for, as in `run`.
        """
        times = []
        with closing(self._batches()) as batches:
            for _ in range(_STEPS_TIMED + 1):
                start = time.perf_counter()
                batch = next(batches)
                with self._autocast():
                    loss = self._measure(*batch).mean()
                loss.backward()
                norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
                float(norm)  # waits for the device
                self.optimizer.zero_grad()
                times.append(time.perf_counter() - start)
        return self.processes.sum(sum(times[1:]) / _STEPS_TIMED)[0] / self.processes.world

    def fit(self, seconds: float, seconds_per_step: float) -> None:
        """Plans the run anew, so that it ends after so many more seconds of steps, the learning rate having fallen."""
        more = max(1, round(seconds / seconds_per_step))
        steps = self.step + more
        self.config = replace(
            self.config, steps=steps, warmup_steps=min(self.config.warmup_steps, -(-steps // _MOST_WARMUP))
        )
        self.configuration = self.configuration | {"training": asdict(self.config)}

    def save(self, validation: float | None = None) -> None:
        """Writes a checkpoint, then deletes those no longer wanted."""
        if self.processes.first:
            state = self.optimizer.state_dict()["state"]
            optimizer = {
                f"{name}/{key}": tensor
                for i, (name, _) in enumerate(self.model.named_parameters())
                for key, tensor in state.get(i, {}).items()
            }
            tensors = (self.model.state_dict(), self.average.state_dict(), optimizer)
            Checkpoint(self.step, *tensors, self.configuration, validation, self.content).save(self.folder)
            prune(self.folder, self.config.keep)
        self.processes.wait()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Takes over the state in a checkpoint."""
        self.step = checkpoint.step
        self.data_changed = checkpoint.content not in ("", self.content)
        self.model.load_state_dict(checkpoint.model)
        self.average.load_state_dict(checkpoint.average)
        index = {name: i for i, (name, _) in enumerate(self.model.named_parameters())}
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in checkpoint.optimizer.items():
            parameter, key = name.split("/")
            state.setdefault(index[parameter], {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _batches(self) -> Generator[list[Tensor]]:
        """This process's share of the batch of each step from the present one on; the next one is made while a batch is
        computed."""
        with ThreadPoolExecutor(1) as background:
            upcoming = background.submit(self._batch, self.step)
            for following in itertools.count(self.step + 1):
                batch = [self.processes.share(rows) for rows in upcoming.result()]
                upcoming = background.submit(self._batch, following)
                yield batch

    def _batch(self, step: int) -> Tensors:
        """The joint batch of a step, whatever came before it."""
        seed = np.random.SeedSequence((self.config.seed, step)).generate_state(1)[0]
        return self.task.batch(torch.Generator().manual_seed(int(seed)), self.config.batch_size)

    @torch.no_grad()
    def _follow(self) -> None:
        """The average takes one step towards the weights; a longer one at first, when it knows little."""
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        for average, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
            average.lerp_(now, 1 - decay)

    def _first_not_finite(self, batch: list[Tensor]) -> str:
        """What of the model failed first at this batch."""

        def again() -> Tensor:
            with self._autocast():
                return self.task.loss(self.model, *batch)

        return first_not_finite(self.model, again)

    @cached_property
    def _measure(self) -> nn.Module:
        """The loss of a batch, with gradients averaged over the processes, compiled if wanted."""
        module = _Loss(self.task, self.model)
        if self.compiled:
            module.compile()
        return self.processes.parallel(module)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self.bf16)


class _Loss(nn.Module):
    """A task's loss as a module, which is what can be compiled and made parallel."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._loss = task.loss

    def forward(self, *batch: Tensor) -> Tensor:
        return self._loss(self.model, *batch)
