"""The memory of many streams, in slots: all that a launch changes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wavesynth.kernels.triton.network import PackedNetwork

__all__ = ["Streams"]


@dataclass(frozen=True)
class Streams:
    """Slots for streams of one network; a stream may have any. Nothing in a slot depends on the others."""

    queues: Tensor
    """[slots, sum of dilations, R] float16: layer l's ring has d[l] rows; x'[l] of sample t stands in t % d[l]."""
    tokens: Tensor
    """[slots] int32: the last sample's class."""
    indices: Tensor
    """[slots] int64: the next sample's number."""
    seeds: Tensor
    """[slots] int64: the 64 bits of the stream's seed."""
    inverses: Tensor
    """[slots] float32: log2(e) / temperature."""

    @classmethod
    def empty(cls, network: PackedNetwork, slots: int) -> Streams:
        """Slots whose queues are not yet those of any stream; on the network's device."""
        device = network.embedding.device
        return cls(
            torch.empty(
                slots, network.queue_rows, network.residual_channels, dtype=torch.float16, device=device
            ),
            torch.full((slots,), network.classes // 2, dtype=torch.int32, device=device),
            torch.zeros(slots, dtype=torch.int64, device=device),
            torch.zeros(slots, dtype=torch.int64, device=device),
            torch.ones(slots, device=device),
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def start(self, network: PackedNetwork, slots: Tensor) -> None:
        """Begins new streams in `slots` [k], whoever had them before."""
        self.queues[slots] = network.silence
        self.tokens[slots] = network.classes // 2
        self.indices[slots] = 0

    def rekey(self, slots: Tensor, seeds: Tensor, inverses: Tensor) -> None:
        """Gives the streams in `slots` [k] their random choices: `seeds` int64, `inverses` float32, both [k]."""
        self.seeds[slots] = seeds.to(self.seeds)
        self.inverses[slots] = inverses.to(self.inverses)
