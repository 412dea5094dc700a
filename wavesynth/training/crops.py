"""What the tasks share that learn from crops of recordings: batches, the validation set, and the data's hash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

import torch

from wavesynth.training.task import Tensors

__all__ = ["CropSet", "CropTask"]


class CropSet(Protocol):
    """A split of recordings that gives crops, such as `Crops` and `Pairs` of wavesynth.data."""

    @property
    def content(self) -> str:
        """A hash of its recordings."""

    def batch(self, generator: torch.Generator, size: int, frames: int, /) -> Any:
        """`size` random crops of `frames` frames."""

    def sequential(self, frames: int, size: int, /) -> Iterator[Any]:
        """All crops that do not overlap, in batches of at most `size`."""

    def count(self, frames: int, /) -> int:
        """How many crops that are."""


Set = TypeVar("Set", bound=CropSet)


class CropTask(Generic[Set]):
    """A `Task` on crops of `frames` frames; a subclass sets these three, and says how `loss` takes a batch."""

    training: Set
    validating: Set
    frames: int

    def given(self, batch: Any) -> Tensors:
        """A batch of the crop set as `loss` takes it."""
        crops: Tensors = batch
        return crops

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """`size` random crops of the training split."""
        return self.given(self.training.batch(generator, size, self.frames))

    def validation(self, size: int) -> Iterator[Tensors]:
        """The validation split, in crops that do not overlap."""
        return map(self.given, self.validating.sequential(self.frames, size))

    @property
    def validated(self) -> int:
        """Crops of the validation split."""
        return self.validating.count(self.frames)

    @property
    def content(self) -> str:
        """A hash of all recordings."""
        return f"{self.training.content} {self.validating.content}"
