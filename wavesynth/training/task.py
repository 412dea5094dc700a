"""What a training run needs of what it trains, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from signal import Signals as SignalName
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from wavesynth.training.configuration import TrainingConfig

__all__ = [
    "ExampleSet",
    "Report",
    "RunConfiguration",
    "SplitTask",
    "Stopped",
    "Task",
    "Tensors",
    "Validation",
]

#: A batch: what a task's `loss` takes after the model, [B, ...] each.
Tensors = tuple[Tensor, ...]


class Task(Protocol):
    """What the loop needs to know of a model."""

    @property
    def model(self) -> nn.Module:
        """What is trained."""

    @property
    def loss(self) -> Callable[..., Tensor]:
        """`loss(model, *batch)` is the nats that `model` pays for each sample that counts, in any shape."""

    @property
    def fused(self) -> bool:
        """Whether `loss` has a kernel of its own on this CPU in bfloat16, which leaves nothing to compile."""

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """`size` random examples of the training set, [size, ...] each, on the CPU."""

    def validation(self, size: int) -> Iterable[Tensors]:
        """The whole validation set, in batches of at most `size` examples."""

    @property
    def validated(self) -> int:
        """How many examples the validation set has."""

    @property
    def content(self) -> str:
        """A hash of the training and the validation set."""


class ExampleSet(Protocol):
    """The examples of a split, such as utterances or frames."""

    @property
    def content(self) -> str:
        """A hash of all that is learned from."""

    def __len__(self) -> int: ...

    def batch(self, generator: torch.Generator, size: int, /) -> Tensors:
        """`size` random examples."""

    def sequential(self, size: int, /) -> Iterator[Tensors]:
        """All examples once, in batches of at most `size`."""


Examples = TypeVar("Examples", bound=ExampleSet)


class SplitTask(Generic[Examples]):
    """A `Task` on two sets of examples; a subclass sets them."""

    training: Examples
    validating: Examples

    @property
    def content(self) -> str:
        """A hash of all that is learned from, and of what it is judged by."""
        return f"{self.training.content} {self.validating.content}"

    @property
    def validated(self) -> int:
        """Examples of the validation split."""
        return len(self.validating)

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """`size` random examples of the training split."""
        return self.training.batch(generator, size)

    def validation(self, size: int) -> Iterator[Tensors]:
        """The validation split."""
        return self.validating.sequential(size)


@dataclass(frozen=True)
class Report:
    """A step, over all processes."""

    step: int
    bits: float
    """Bits/sample of the batch, before the step."""
    samples: int
    """Samples that this is the mean of."""
    rate: float
    """The learning rate."""
    gradient: float
    """The gradient's norm, before it was clipped."""


@dataclass(frozen=True)
class Validation:
    """The validation set after a step: bits/sample of the moving average of the weights."""

    step: int
    bits: float


class Stopped(Exception):  # noqa: N818  (not an error)
    """A signal ended the run; its state is saved, if there was one."""

    def __init__(self, signum: int, step: int) -> None:
        what = (
            f"at step {step}, which is saved; --resume goes on from there"
            if step
            else "before the first step; there is nothing to save yet"
        )
        super().__init__(f"stopped by {SignalName(signum).name} {what}")
        self.signum = signum


class RunConfiguration(Protocol):
    """What a run needs to know of its configuration, whatever its kind is."""

    @property
    def kind(self) -> str:
        """The name of what is trained."""

    @property
    def data(self) -> Any:
        """What is learned from."""

    @property
    def training(self) -> TrainingConfig:
        """How it is learned."""

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, for the checkpoints."""

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed, by name."""
