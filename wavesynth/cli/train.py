"""wavesynth train: a training set to a run of checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavesynth.cli.common import fail, one_sentence_errors
from wavesynth.cli.configurations import find_configuration
from wavesynth.cli.terminal import say, terminal, track

if TYPE_CHECKING:
    from wavesynth.training.examples import Example
    from wavesynth.training.trainer import Trainer

__all__ = ["Minutes", "follow", "run", "train"]

Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01, help="Take as many steps as fit into so many minutes, instead of the configured ones."
    ),
]

#: A run of no more steps than this begins without an estimate of how long it will take.
_FEW_STEPS = 50


def train(
    config: Annotated[
        Path, typer.Argument(help="A TOML file (see wavesynth init), or a configuration that ships.")
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and curves [default: runs/NAME-OF-CONFIG]")
    ] = None,
    minutes: Minutes = None,
) -> None:
    """Trains what a configuration says, a voice or a converter for one, on a GPU if there is one, or on the CPU.

    Ctrl-C (exit code 130) and SIGTERM (143) end it after the step it is at, and save that step; with --resume
    it goes on as if it had never stopped. A second Ctrl-C ends it at once. Several GPUs: torchrun
    --nproc-per-node 8 --no-python wavesynth train CONFIG.

    Example: wavesynth train alice.toml --minutes 30
    """
    with one_sentence_errors():
        run(find_configuration(config), out, resume, minutes)


def run(config: Path, out: Path | None, resume: bool, minutes: float | None) -> None:
    """Trains what the configuration in a file says, of any kind, and says what to do next."""
    from wavesynth.data.features import untracked
    from wavesynth.training.processes import Processes
    from wavesynth.training.run import read_run, recipe_of, trainer

    configuration = read_run(config)
    recipe, folder = recipe_of(configuration.kind), out or Path("runs") / config.stem
    with Processes.joined() as processes:
        shown = track if processes.first else untracked
        recipe.prepare(configuration, processes, shown)
        training = trainer(configuration, folder, processes, resume=resume, track=shown)
        if processes.first:
            for line in recipe.notes(configuration):
                say(line, err=True)
        follow(training, recipe.unit, minutes, recipe.example(training, configuration), recipe.likelihood)
        if processes.first:
            for line in recipe.next_steps(folder, configuration):
                say(line)


def follow(
    training: Trainer,
    unit: str = "sample",
    minutes: float | None = None,
    example: Callable[[], Example] | None = None,
    likelihood: bool = True,
) -> None:
    """Runs a training to its end before the user's eyes, or until a signal or a fault ends the command.

    Each validation leaves an `example` for TensorBoard. A loss that is no `likelihood` is not shown in bits.
    """
    from contextlib import ExitStack

    import torch

    from wavesynth.training.progress import Display
    from wavesynth.training.task import Stopped

    processes, folder = training.processes, training.folder
    if training.fused:
        # The kernel has threads of its own, and the rest is too small to share out.
        torch.set_num_threads(1)
    with ExitStack() as stack:
        if processes.first:
            console = terminal()
            count = sum(parameter.numel() for parameter in training.model.parameters())
            arithmetic = (
                ("bf16" if training.bf16 else "float32")
                + ", compiled" * training.compiled
                + ", fused" * training.fused
            )
            console.print(
                f"{count:,} parameters in {arithmetic} on {processes.world} x {processes.device} → {folder}",
                soft_wrap=True,
            )
            if training.data_changed:
                say(
                    "The data are not those that this run had: its validations before and after this do not compare",
                    err=True,
                )
        if minutes is not None or training.config.steps - training.step > _FEW_STEPS:
            if processes.first:
                say(
                    "Timing a few steps; the first one compiles"
                    if training.compiled
                    else "Timing a few steps"
                )
            seconds = training.seconds_per_step()
            if minutes is not None:
                training.fit(60 * minutes, seconds)
            if processes.first:
                say(_estimate(training.config.steps - training.step, seconds, minutes is None))
        if processes.first:
            steps = training.config.steps
            display = stack.enter_context(
                Display(
                    steps,
                    folder,
                    training.step,
                    console,
                    unit,
                    likelihood,
                    example,
                    lambda: training.signals.received != 0,
                )
            )
            training.log, training.validating = display, display.validating
        try:
            training.run()
        except Stopped as stopped:
            if processes.first:
                say(f"wavesynth: {stopped}", err=True)
            raise typer.Exit(128 + stopped.signum) from None
        except FloatingPointError as error:
            fail(error)


def _estimate(steps: int, seconds: float, configured: bool) -> str:
    """How long a run will take and, of a long one, what else can be done."""
    whole = timedelta(seconds=round(steps * seconds))
    said = f"{steps:,} steps of {seconds:.2g} s each: about {whole} (h:mm:ss), and the validations"
    if configured and whole > timedelta(hours=1):
        said += "; --minutes 30 would make a whole run of half an hour, and Ctrl-C saves what there is"
    return said
