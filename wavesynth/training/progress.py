"""What a run shows of itself: a line that moves, or lines where there is no terminal; and TensorBoard."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from wavesynth.audio.plots import spectrograms
from wavesynth.extras import install_command
from wavesynth.training.examples import Example
from wavesynth.training.task import Report, Validation

__all__ = ["Display"]

#: Seconds between lines where there is no terminal.
SECONDS_BETWEEN_LINES = 15
#: Seconds of a validation of which nothing is said.
SECONDS_BEFORE_A_LINE = 2
#: Share of the moving averages that are shown which a step leaves as it was.
_MEMORY = 0.95


class Display:
    """Takes a trainer's reports.

    `console` is where they are shown; curves and examples go to `folder`, if TensorBoard is installed.
    """

    def __init__(
        self,
        steps: int,
        folder: Path,
        first_step: int,
        console: Console,
        unit: str = "sample",
        likelihood: bool = True,
        example: Callable[[], Example] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Steps and validations are shown in bits/`unit` or, of a loss that is no `likelihood`, as they are. Unless the
        run is `stopping`, a validation leaves an `example` to TensorBoard."""
        self._example, self._stopping = example, stopping
        self._steps, self._console, self._unit = steps, console, unit
        self._shown = f"{{:.{{}}f}} bits/{unit}" if likelihood else "loss {:.{}f}"
        self._scale, self._curve = (1.0, f"bits_per_{unit}") if likelihood else (math.log(2), "loss")
        self._line = Progress(
            TextColumn("step {task.completed:,.0f}/{task.total:,.0f}", markup=False),
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._line.add_task("", total=steps, completed=first_step)
        self._writer = _writer(folder, first_step, console)
        self._clock: float | None = None  # of the last step; the first one compiles, and is not timed
        self._seconds = self._loss = 0.0  # moving averages: of a step, and of what is shown
        self._printed = time.monotonic()
        self._validated = 0  # examples, of a validation under way

    def __enter__(self) -> Display:
        self._line.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._line.stop()
        if self._writer is not None:
            self._writer.close()

    def __call__(self, report: Report | Validation) -> None:
        """Shows a report."""
        if isinstance(report, Validation):
            loss = self._scale * report.bits
            self._console.print(
                f"step {report.step:,}: validation {self._shown.format(loss, 4)}", highlight=False
            )
            self._curves(report.step, {f"{self._curve}/validation": loss})
            self._show_example(report.step)
            self._clock = None if self._clock is None else time.monotonic()
            return
        now = time.monotonic()
        elapsed = None if self._clock is None else now - self._clock
        self._clock = now
        loss = self._scale * report.bits
        self._loss = _MEMORY * self._loss + (1 - _MEMORY) * loss if self._loss else loss
        speed, left = "", ""
        curves = {
            f"{self._curve}/training": loss,
            "learning_rate": report.rate,
            "gradient_norm": report.gradient,
        }
        if elapsed is not None:
            self._seconds = _MEMORY * self._seconds + (1 - _MEMORY) * elapsed if self._seconds else elapsed
            speed = f"{report.samples / self._seconds:,.0f} {self._unit}s/s  "
            left = f"  {timedelta(seconds=round((self._steps - report.step) * self._seconds))} left"
            curves[f"{self._unit}s_per_second"] = report.samples / elapsed
        text = f"{self._shown.format(self._loss, 3)}  {speed}learning rate {report.rate:.1e}{left}"
        self._line.update(self._task, completed=report.step, description=text)
        if not self._console.is_terminal and (
            report.step == self._steps or now - self._printed >= SECONDS_BETWEEN_LINES
        ):
            self._console.print(
                f"step {report.step:,}/{self._steps:,}  {text}", highlight=False, soft_wrap=True
            )
            self._printed = now
        self._curves(report.step, curves)

    def validating(self, done: int, total: int) -> None:
        """Shows how far a validation is, if it takes long."""
        now, first = time.monotonic(), self._validated == 0
        self._validated = done if done < total else 0
        if first:
            self._printed = now - SECONDS_BETWEEN_LINES + SECONDS_BEFORE_A_LINE
        self._line.update(self._task, description=f"validating {done:,}/{total:,}")
        if not self._console.is_terminal and now - self._printed >= SECONDS_BETWEEN_LINES:
            self._console.print(f"validating {done:,}/{total:,}", highlight=False)
            self._printed = now

    def _show_example(self, step: int) -> None:
        """Makes and keeps an example; without it, as when that fails, the run goes on."""
        if self._writer is None or self._example is None or self._stopping():
            return
        self._line.update(self._task, description="sampling an example")
        if not self._console.is_terminal:
            self._console.print(f"step {step:,}: sampling an example", highlight=False)
        try:
            self._keep(self._example(), step)
        except Exception as error:
            self._console.print(
                f"step {step:,}: there is no example of it: {type(error).__name__}: {error}", highlight=False
            )
        self._line.update(self._task, description="")

    def _keep(self, example: Example, step: int) -> None:
        for name, waveform in example.waveforms.items():
            self._writer.add_audio(f"validation/{name}", waveform[None], step, example.sample_rate)
        if example.waveforms:
            figure = spectrograms(example.waveforms, example.sample_rate)
            self._writer.add_figure("validation/spectrograms", figure, step, close=False)
        if example.picture is not None:
            self._writer.add_image("validation/images", example.picture, step, dataformats="HWC")
        self._writer.flush()

    def _curves(self, step: int, curves: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in curves.items():
                self._writer.add_scalar(name, value, step)


def _writer(folder: Path, first_step: int, console: Console) -> Any:
    """A TensorBoard writer that forgets what a run wrote after the step from which it is resumed, or None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        console.print(
            f"TensorBoard is not installed, so no curves are written; {install_command('train')} brings it"
        )
        return None
    return SummaryWriter(str(folder), purge_step=first_step + 1)
