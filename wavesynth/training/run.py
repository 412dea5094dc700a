"""A run of any kind: its configuration, from TOML or from a checkpoint, and its trainer."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from wavesynth.data.features import Track, untracked
from wavesynth.files import read_text
from wavesynth.kinds import kind_of, part
from wavesynth.training.checkpoint import fits, resumable
from wavesynth.training.names import names_of_now
from wavesynth.training.processes import Processes
from wavesynth.training.recipe import Recipe
from wavesynth.training.task import Report, RunConfiguration, Validation
from wavesynth.training.trainer import Trainer

__all__ = ["parse_run", "read_run", "recipe_of", "trainer"]


def read_run(path: str | Path) -> RunConfiguration:
    """The configuration in a TOML file; ValueError, naming the file, if anything in it is wrong."""
    try:
        values = tomllib.loads(read_text(path))
    except OSError as error:
        raise ValueError(f"configuration {path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"configuration {path} is not TOML: {error}") from error
    try:
        return parse_run(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse_run(values: dict[str, Any]) -> RunConfiguration:
    """The configuration of a nested dictionary, as tomllib gives it, or as JSON does of a checkpoint; by the names of
    now or those of before (wavesynth.training.names). Raises ValueError."""
    values = names_of_now(values)
    return recipe_of(values["kind"]).parse(values)


def recipe_of(kind: str) -> Recipe[Any]:
    """How networks of that kind are trained and exported. Raises ValueError if there is no such kind."""
    found = kind_of(kind)
    recipe: Recipe[Any] = part(found.recipe)(found)
    return recipe


def trainer(
    configuration: RunConfiguration,
    folder: Path,
    processes: Processes,
    *,
    resume: bool = False,
    log: Callable[[Report | Validation], None] = lambda report: None,
    track: Track = untracked,
) -> Trainer:
    """The configured run in `folder`, before its first step or, with `resume`, after its newest checkpoint.

    What is random in its making is drawn by the configured seed; `track` wraps what takes long, to show progress.
    Raises ValueError when there is something to resume but it was not asked for, when there is nothing, when the run is
    at its last step, or when something that is fixed was another.
    """
    last = resumable(folder, resume)
    if last is not None:
        before = parse_run(last.configuration).fixed()
        fits(last, folder, configuration.training.steps, configuration.fixed(), before)
    torch.manual_seed(configuration.training.seed)
    task = recipe_of(configuration.kind).task(configuration, resume=resume, track=track)
    run = Trainer(task, configuration.training, folder, processes, configuration.to_json(), log)
    if last is not None:
        run.resume(last)
    return run
