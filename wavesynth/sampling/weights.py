"""A WaveNet's weights, packed once for sampling: immutable, shared by all streams.

Both kinds, `Float32Weights` here and `int8.Int8Weights`, offer the same four operations, at any number of
positions at once; the samplers in `reference` are written on those alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor
from typing_extensions import override

from wavesynth.models.wavenet import WaveNet, layer, start_token
from wavesynth.sampling.state import State

__all__ = ["Float32Weights", "Weights"]


@dataclass(frozen=True)
class Weights(ABC):
    """What a sampler needs of a network: L layers, R residual, S skip and A output channels."""

    dilations: tuple[int, ...]
    hop: int
    """Samples over which one conditioning frame is held."""
    embedding: Tensor
    """[A, R] float32"""

    #: The type of a queue's entries, and the entry that stands before the first sample.
    entry: ClassVar[tuple[type, int]]

    @property
    def layers(self) -> int:
        """L."""
        return len(self.dilations)

    @property
    def residual_channels(self) -> int:
        """R."""
        return self.embedding.shape[1]

    @property
    def classes(self) -> int:
        """A."""
        return self.embedding.shape[0]

    @property
    def start_token(self) -> int:
        """The class that stands before the first sample: μ-law's zero."""
        return start_token(self.classes)

    @property
    def entry_width(self) -> int:
        """Values of a queue's entry: R, unless said otherwise."""
        return self.residual_channels

    def start(self) -> State:
        """The state of a stream before its first sample."""
        dtype, zero = self.entry
        return State(np.full((sum(self.dilations), self.entry_width), zero, dtype), self.start_token)

    def embed(self, tokens: Tensor) -> Tensor:
        """The first layer's input [..., R] after the samples `tokens` [...]."""
        return self.embedding[tokens]

    @abstractmethod
    def enter(self, index: int, x: Tensor) -> Tensor:
        """What layer `index` puts into its queue for its input `x` [..., R]: [..., entry_width]."""

    @abstractmethod
    def layer(
        self, index: int, past: Tensor, entry: Tensor, x: Tensor, conditioning: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The next layer's input and what the head needs of this one, both [..., R].

        `past` and `entry` are this layer's queue entries of one dilation ago and of now.
        """

    @abstractmethod
    def head(self, activations: Tensor) -> Tensor:
        """Logits [..., A] from what all layers gave for the head, [..., L * R]."""


@dataclass(frozen=True)
class Float32Weights(Weights):
    """Full precision: the arithmetic of training."""

    model: WaveNet

    entry = (np.float32, 0)

    @classmethod
    def pack(cls, model: WaveNet) -> Float32Weights:
        """The weights of `model`."""
        return cls(model.config.dilations, model.config.hop, model.embedding.weight.detach(), model)

    @override
    def enter(self, index: int, x: Tensor) -> Tensor:
        return x

    @override
    def layer(
        self, index: int, past: Tensor, entry: Tensor, x: Tensor, conditioning: Tensor
    ) -> tuple[Tensor, Tensor]:
        m = self.model
        return layer(past, x, conditioning, m.dilated[index], m.residual[index], m.residual_bias[index])

    @override
    def head(self, activations: Tensor) -> Tensor:
        return self.model.head(activations)
