"""What a sampler computes of a network's weights for one sample, or at any number of positions at once, in PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

__all__ = ["Arithmetic"]


class Arithmetic(ABC):
    """Four operations; `float32.Float32Arithmetic` and `int8_arithmetic.Int8Arithmetic` have them."""

    embedding: Tensor
    """[A, R] float32"""

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

        `past` and `entry` are this layer's queue entries of one dilation ago and of now; `x` is what the residual is
        added to: this layer's input, or that of the layer before in a reversible network.
        """

    @abstractmethod
    def head(self, activations: Tensor) -> Tensor:
        """Logits [..., A] from what all layers gave for the head, [..., L * R]."""
