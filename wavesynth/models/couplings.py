"""Coupling layers: one part of the values moves, by what a network makes of the other part, which stays.

    x → (kept, moved)      a partition
    z = (kept, moved + shift)                                 additive: Dinh et al., "NICE", 2014, eq. 4 and 5
    z = (kept, moved · e^log_scale + shift)                   affine: Dinh et al., "RealNVP", 2016, eq. 4 and 5
        where shift, log_scale = network(kept, condition)

The Jacobian is triangular, so its determinant is the product of its diagonal: 1 for an additive coupling, which keeps
all volumes, and e^(sum of log_scale) for an affine one. The network itself is never inverted and may be anything.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from wavesynth.checks import require_value
from wavesynth.models.flows import Flow

__all__ = [
    "AdditiveCoupling",
    "AffineCoupling",
    "Halves",
    "Interleaved",
    "Masked",
    "Partition",
    "checkerboard",
]


class Partition(Protocol):
    """Which values stay and which move. Every other coupling should have the other one of a pair."""

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What stays and what moves."""

    def join(self, kept: Tensor, moved: Tensor) -> Tensor:
        """`split` undone."""

    def moving(self, values: Tensor) -> Tensor:
        """A network's output, zero for what does not move."""


class Halves:
    """The halves of the channels, [B, C, ...]; the first one stays, or with `swapped` the second one.

    Raises ValueError for an odd number of channels.
    """

    def __init__(self, channels: int, swapped: bool = False) -> None:
        holds = channels >= 2 and channels % 2 == 0
        require_value("channels", channels, holds, "even and at least 2, so that half of them can move")
        self.channels, self.swapped = channels, swapped

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C/2, ...] each."""
        first, second = x.chunk(2, 1)
        return (second, first) if self.swapped else (first, second)

    def join(self, kept: Tensor, moved: Tensor) -> Tensor:
        """[B, C, ...]."""
        return torch.cat((moved, kept) if self.swapped else (kept, moved), 1)

    def moving(self, values: Tensor) -> Tensor:
        """All of them."""
        return values


class Interleaved:
    """Every other value of vectors, [B, D]: NICE's odd and even pixels. The even places stay, with `swapped` the odd.

    Raises ValueError for fewer than two values, of which none could move.
    """

    def __init__(self, dimensions: int, swapped: bool = False) -> None:
        require_value("dimensions", dimensions, dimensions >= 2, "at least 2, so that one can move")
        self.dimensions, self.swapped = dimensions, swapped

    @property
    def kept(self) -> int:
        """How many values stay."""
        return self.dimensions // 2 if self.swapped else (self.dimensions + 1) // 2

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, kept] and [B, D - kept]."""
        even, odd = x[:, ::2], x[:, 1::2]
        return (odd, even) if self.swapped else (even, odd)

    def join(self, kept: Tensor, moved: Tensor) -> Tensor:
        """[B, D]."""
        x = kept.new_empty(len(kept), self.dimensions)
        even, odd = (moved, kept) if self.swapped else (kept, moved)
        x[:, ::2], x[:, 1::2] = even, odd
        return x

    def moving(self, values: Tensor) -> Tensor:
        """All of them."""
        return values


class Masked(nn.Module):
    """Any mask, 1 where a value stays: what moves is zero for the network (RealNVP, eq. 9).

    Raises ValueError for a mask that leaves nothing to move, or nothing to move it by.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        if not mask.is_meta:  # whose values there are none of
            staying, places = int(mask.bool().sum()), mask.numel()
            allowed = f"more than 0 and fewer than {places}, so that some can move"
            require_value("places that the mask keeps", staying, 0 < staying < places, allowed)
        self.register_buffer("mask", mask.float(), persistent=False)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Each of the shape of x, zero in the places of the other."""
        return x * self.mask, self.moving(x)

    def join(self, kept: Tensor, moved: Tensor) -> Tensor:
        """Their sum."""
        return kept + self.moving(moved)

    def moving(self, values: Tensor) -> Tensor:
        """Zero where the mask is 1."""
        return values * (1 - self.mask)


def checkerboard(height: int, width: int, swapped: bool = False) -> Masked:
    """Pixels like the black fields of a chessboard stay, with `swapped` the white ones (RealNVP, fig. 3)."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return Masked((rows + columns) % 2 == int(swapped))


class AdditiveCoupling(Flow):
    """Keeps all volumes. `network(kept, condition)` is the shift, of the shape of what moves."""

    def __init__(self, partition: Partition, network: nn.Module) -> None:
        super().__init__()
        self.partition, self.network = partition, network

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z, and zeros, [B]."""
        kept, moved = self.partition.split(x)
        return self.partition.join(kept, moved + self.network(kept, condition)), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """x, by subtraction."""
        kept, moved = self.partition.split(z)
        return self.partition.join(kept, moved - self.network(kept, condition))


class AffineCoupling(Flow):
    """`network(kept, condition)` is log_scale and shift, one behind the other along dimension 1.

    The scale is what the flow learns of density. `limit` · tanh of it keeps it from running away: the paper's tanh
    (sec. 4.1), with the factor learned for each channel of what moves.
    """

    def __init__(self, partition: Partition, network: nn.Module, channels: int, limit: float = 1.0) -> None:
        super().__init__()
        self.partition, self.network = partition, network
        self.limit = nn.Parameter(torch.full((channels,), limit))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z, and the sum of log_scale, [B]."""
        kept, moved = self.partition.split(x)
        log_scale, shift = self._scale_and_shift(kept, condition)
        z = self.partition.join(kept, moved * torch.exp(log_scale) + shift)
        return z, log_scale.flatten(1).sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """x, by subtraction and division."""
        kept, moved = self.partition.split(z)
        log_scale, shift = self._scale_and_shift(kept, condition)
        return self.partition.join(kept, (moved - shift) * torch.exp(-log_scale))

    def _scale_and_shift(self, kept: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """log_scale and shift, in the precision of the data whatever that of the network is."""
        log_scale, shift = self.network(kept, condition).to(kept.dtype).chunk(2, 1)
        limit = self.limit.view(1, -1, *[1] * (kept.dim() - 2))
        return self.partition.moving(limit * torch.tanh(log_scale)), self.partition.moving(shift)
