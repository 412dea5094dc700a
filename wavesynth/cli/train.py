"""wavesynth train: a training set to a run of checkpoints."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavesynth.cli.common import fail, one_sentence_errors
from wavesynth.cli.configurations import find_configuration
from wavesynth.cli.terminal import say, terminal, track

if TYPE_CHECKING:
    from wavesynth.data.split import Split
    from wavesynth.training.configuration import DataConfig
    from wavesynth.training.examples import Example
    from wavesynth.training.processes import Processes
    from wavesynth.training.trainer import Trainer

__all__ = ["Minutes", "follow", "train"]

Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01, help="Take as many steps as fit into so many minutes, instead of the configured ones."
    ),
]

#: A run of no more steps than this begins without an estimate of how long it will take.
_FEW_STEPS = 50
_SPLITS: tuple[Split, ...] = ("train", "validation")


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
    """Trains a WaveNet, or a converter for one, as a configuration says, on a GPU if there is one, or on the CPU.

    Ctrl-C (exit code 130) and SIGTERM (143) end it after the step it is at, and save that step; with --resume
    it goes on as if it had never stopped. A second Ctrl-C ends it at once. Several GPUs: torchrun
    --nproc-per-node 8 --no-python wavesynth train CONFIG.

    Example: wavesynth train alice.toml --minutes 30
    """
    from wavesynth.data.features import untracked
    from wavesynth.training.configuration import Configuration
    from wavesynth.training.converter import ConverterConfiguration, converter_trainer, read_run
    from wavesynth.training.examples import copy_of_a_clip
    from wavesynth.training.processes import Processes
    from wavesynth.training.wavenet import WaveNetTask, trainer

    with one_sentence_errors(), Processes.joined() as processes:
        config = find_configuration(config)
        configuration = read_run(config)
        others: tuple[Split, ...]
        if isinstance(configuration, ConverterConfiguration):
            begin, others, unit = partial(converter_trainer, configuration), ("train",), "value"
        else:
            begin, others, unit = partial(trainer, configuration), _SPLITS, "sample"
        if configuration.data.disturb:
            _disturb(configuration.data, processes, others)
        folder = out or Path("runs") / config.stem
        training = begin(folder, processes, resume=resume, track=track if processes.first else untracked)
        example = None
        if isinstance(training.task, WaveNetTask) and isinstance(configuration, Configuration):
            example = partial(copy_of_a_clip, training.task, training.average, configuration)
        follow(training, unit, minutes, example)
        if processes.first and isinstance(configuration, ConverterConfiguration):
            say(
                f'Next: converter = "{folder}", above all sections of a voice\'s configuration, and train that'
            )
        elif processes.first:
            voice = Path("voices") / folder.name
            say("Next:")
            say(f"  {shlex.join(['wavesynth', 'export', str(folder), str(voice), '--best'])}")
            say("  wavesynth serve --voices voices")
            say(
                f"  {shlex.join(['wavesynth', 'stream', folder.name, '--audio'])} speech.wav --out spoken-again.wav"
            )


def _disturb(data: DataConfig, processes: Processes, others: tuple[Split, ...]) -> None:
    """Makes the copies that the features come from, where they are not there yet: minutes, the first time. `others` are
    the splits that are read of speakers but the first."""
    from wavesynth.data.dataset import Recordings

    if processes.first:
        for number, folder in data.folders:
            recordings = Recordings(folder)
            for split in others if number else _SPLITS:
                name, total = f"Disturbing {folder}, {split}", len(recordings.files(split))
                for stem, waveform in track(recordings.split(split), name, total):
                    recordings.copies(split, stem, waveform, data.disturb)
    processes.wait()


def follow(
    training: Trainer,
    unit: str = "sample",
    minutes: float | None = None,
    example: Callable[[], Example] | None = None,
) -> None:
    """Runs a training to its end before the user's eyes, or until a signal or a fault ends the command.

    Each validation leaves an `example` for TensorBoard.
    """
    from contextlib import ExitStack

    import torch

    from wavesynth.training.progress import Display
    from wavesynth.training.trainer import Stopped

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
