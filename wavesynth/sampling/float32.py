"""Weights in full precision: the arithmetic of training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor
from typing_extensions import override

from wavesynth.models.wavenet import WaveNet, layer
from wavesynth.sampling.arithmetic import Arithmetic
from wavesynth.sampling.weights import Weights

__all__ = ["Float32Arithmetic", "Float32Weights"]


@dataclass(frozen=True, eq=False)
class Float32Weights(Weights):
    """Full precision: the arithmetic of training."""

    model: WaveNet

    entry = (np.float32, 0)

    @classmethod
    def pack(cls, model: WaveNet) -> Float32Weights:
        """The weights of `model`."""
        embedding = model.embedding.weight.detach().numpy().copy()
        return cls(model.config.dilations, model.config.hop, embedding, model)

    @property
    @override
    def reversible(self) -> bool:
        return self.model.config.reversible

    @cached_property
    @override
    def arithmetic(self) -> Float32Arithmetic:
        """That of training."""
        return Float32Arithmetic(self.model)


class Float32Arithmetic(Arithmetic):
    """The network's own operations."""

    def __init__(self, model: WaveNet) -> None:
        self._model, self.embedding = model, model.embedding.weight.detach()

    @override
    def enter(self, index: int, x: Tensor) -> Tensor:
        return x

    @override
    def layer(
        self, index: int, past: Tensor, entry: Tensor, x: Tensor, conditioning: Tensor
    ) -> tuple[Tensor, Tensor]:
        m = self._model
        added, z = layer(
            past, entry, conditioning, m.dilated[index], m.residual[index], m.residual_bias[index]
        )
        return x + added, z

    @override
    def head(self, activations: Tensor) -> Tensor:
        return self._model.head(activations)
