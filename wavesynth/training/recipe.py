"""How a kind is trained and exported: what `wavesynth train` and `wavesynth export` ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from wavesynth.data.features import Track, untracked
from wavesynth.training.checkpoint import Checkpoint
from wavesynth.training.processes import Processes
from wavesynth.training.task import RunConfiguration, Task
from wavesynth.training.trainer import Trainer

__all__ = ["ExportOptions", "Exported", "Recipe"]

Configured = TypeVar("Configured", bound=RunConfiguration)


@dataclass(frozen=True)
class ExportOptions:
    """What is measured of what is exported."""

    seconds: float = 8.0
    """Of validation audio, of a voice."""
    data: Path | None = None
    """A folder of test images, of a model of images."""
    images: int | None = None
    """At most so many of them."""
    track: Track = untracked


@dataclass(frozen=True)
class Exported:
    """What was written."""

    name: str
    step: int

    @property
    def sentence(self) -> str:
        """What was measured of it, as it is said; "" if nothing was."""
        return ""


class Recipe(ABC, Generic[Configured]):
    """Of one kind, `self.kind`."""

    #: What a loss is the mean of.
    unit: ClassVar[str] = "sample"
    #: Whether that is nats, which are shown as bits; else it is shown as it is, as a loss.
    likelihood: ClassVar[bool] = True

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    @abstractmethod
    def parse(self, values: dict[str, Any]) -> Configured:
        """The configuration of a nested dictionary; ValueError if anything in it is wrong."""

    @abstractmethod
    def task(self, configuration: Configured, *, resume: bool, track: Track) -> Task:
        """What is trained, on what; with `resume` its weights are those of a checkpoint soon."""

    @abstractmethod
    def export(self, checkpoint: Checkpoint, out: Path, options: ExportOptions) -> Exported:
        """Writes the averaged weights in a checkpoint to a folder. Raises ValueError for what cannot be exported."""

    def prepare(self, configuration: Configured, processes: Processes, track: Track) -> None:
        """Makes what the training set comes from, where it is not there yet; called by all processes."""

    def notes(self, configuration: Configured) -> list[str]:
        """Lines about the data that whoever trains should read."""
        return []

    def example(self, training: Trainer, configuration: Configured) -> Callable[[], Any] | None:
        """What makes an `Example` (wavesynth.training.examples) after a validation, or None."""
        return None

    def next_steps(self, folder: Path, configuration: Configured) -> list[str]:
        """Lines that say what to do with the run in `folder` when it has ended."""
        return []
