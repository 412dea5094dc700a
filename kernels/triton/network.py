"""A WaveNet's weights as the GPU kernel reads them: half precision, one matrix for each kind of product.

The residual biases are folded away: with B[l] the sum of those of the layers before l, the kernel carries
x'[l] = x[l] - B[l], and what B[l] would have added to the gate, (W_past + W_now) · B[l], is added to the
conditioning once a frame. So a queue holds x', and the time before the first sample is -B[l]. In a reversible network,
where a layer's residual is added to the input of the layer before, B[l] is the sum of every second of these biases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

__all__ = ["SIZES", "PackedNetwork", "interleave", "pack", "unit_cycle"]

#: What R, S and A may be.
SIZES = (32, 64, 128, 256, 512)


@dataclass(frozen=True)
class PackedNetwork:
    """L layers, R residual, S skip, A output channels; matrices float16, biases float32. `pack` makes one."""

    dilations: tuple[int, ...]
    hop: int
    """Samples over which one conditioning frame is held."""
    embedding: Tensor
    """[A, R]"""
    past: Tensor
    """[L * 2R, R], rows interleaved"""
    current: Tensor
    """[L * 2R, R], rows interleaved"""
    residual: Tensor
    """[L * R, R]"""
    skip: Tensor
    """[S, L * R]"""
    skip_bias: Tensor
    """[S]"""
    hidden: Tensor
    """[A, S]"""
    hidden_bias: Tensor
    """[A]"""
    output: Tensor
    """[A, A]"""
    output_bias: Tensor
    """[A]"""
    fold: Tensor
    """[L, 2R] float32, rows interleaved: what the conditioning of every frame is given besides."""
    offset: Tensor
    """[L, R] float32: B[l], by which x' is less than x."""
    table: Tensor
    """[2, L] int32: the dilations, and the first row of each layer's queue."""
    reversible: bool = False
    """Whether a layer's residual is added to the input of the layer before it, and not to its own."""

    @property
    def layers(self) -> int:
        """L."""
        return len(self.dilations)

    @property
    def residual_channels(self) -> int:
        """R."""
        return self.embedding.shape[1]

    @property
    def skip_channels(self) -> int:
        """S."""
        return self.skip.shape[0]

    @property
    def classes(self) -> int:
        """A."""
        return self.embedding.shape[0]

    @property
    def queue_rows(self) -> int:
        """Rows of a stream's queues: the sum of the dilations."""
        return sum(self.dilations)

    @property
    def bytes_per_stream(self) -> int:
        """What a stream's queues take."""
        return self.queue_rows * self.residual_channels * 2

    def to(self, device: torch.device | str) -> PackedNetwork:
        """The same on another device."""
        return self.changed(lambda tensor: tensor.to(device))

    def changed(self, change: Callable[[Tensor], Tensor]) -> PackedNetwork:
        """The same with every tensor changed."""
        tensors = {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}
        changed: dict[str, Any] = {name: change(tensor) for name, tensor in tensors.items()}
        return replace(self, **changed)

    def layer_of_row(self) -> Tensor:
        """The layer that each row of a stream's queues belongs to, int64 [rows]."""
        counts = torch.tensor(self.dilations, device=self.table.device)
        return torch.repeat_interleave(torch.arange(self.layers, device=self.table.device), counts)

    @cached_property
    def silence(self) -> Tensor:
        """The queues of a stream before its first sample, float16 [rows, R]. Kept: making it waits for a GPU."""
        return (-self.offset).to(torch.float16)[self.layer_of_row()]

    def conditioning(self, frames: Tensor) -> Tensor:
        """Conditioning frames [..., L, 2R] as the kernel takes them: folded, interleaved, float16."""
        r = self.residual_channels
        return (frames[..., interleave(r).to(frames.device)] + self.fold).to(torch.float16)


def pack(
    dilations: tuple[int, ...],
    hop: int,
    *,
    embedding: Tensor,
    dilated: Tensor,
    residual: Tensor,
    residual_bias: Tensor,
    skip: Tensor,
    skip_bias: Tensor,
    hidden: Tensor,
    hidden_bias: Tensor,
    output: Tensor,
    output_bias: Tensor,
    reversible: bool = False,
) -> PackedNetwork:
    """Rounds a network to half precision.

    Shapes: embedding [A, R], dilated [L, 2R, 2R] with columns (past, now), residual [L, R, R], residual_bias
    [L, R], skip [S, L * R], skip_bias [S], hidden [A, S], output [A, A], their biases [A].

    Raises ValueError for a size that the kernel does not have, or a weight beyond half precision.
    """
    (a, r), s = embedding.shape, skip.shape[0]
    for name, size in (("residual", r), ("skip", s), ("classes", a)):
        if size not in SIZES:
            sizes = ", ".join(map(str, SIZES))
            raise ValueError(
                f"{name} is {size}; the triton kernel has {sizes}; take the backend cpu for this voice"
            )
    dilated = dilated.float()[:, interleave(r)]
    past, current = dilated[..., :r], dilated[..., r:]
    bias = residual_bias.float()
    offset = torch.cat([torch.zeros(1, r), bias.cumsum(0)[:-1]])
    if reversible:
        for layer in range(1, len(offset)):
            offset[layer] = bias[layer - 1] + (offset[layer - 2] if layer > 1 else 0)
    # Folded with the weights as they are rounded: the kernel's own products are to be made up for.
    fold = torch.einsum("lhr,lr->lh", past.half().float() + current.half().float(), offset)
    first = torch.tensor([0, *dilations[:-1]]).cumsum(0)
    network = PackedNetwork(
        tuple(dilations), hop, embedding.half(),
        past.reshape(-1, r).half(), current.reshape(-1, r).half(), residual.reshape(-1, r).half(),
        skip.half(), skip_bias.float(), hidden.half(), hidden_bias.float(), output.half(), output_bias.float(),
        fold, offset, torch.stack([torch.tensor(dilations), first]).int(), reversible,
    )  # fmt: skip
    for field in fields(network):
        value = getattr(network, field.name)
        if isinstance(value, Tensor) and not torch.isfinite(value).all():
            raise ValueError(
                f"{field.name} has weights beyond 65504, the largest of half precision; take the backend cpu"
            )
    return network.changed(Tensor.contiguous)


def interleave(residual: int) -> Tensor:
    """The order of a gate's 2R rows in the kernel: 8 of the filter, the same 8 of the gate, and so on."""
    return torch.arange(2 * residual).view(2, residual // 8, 8).transpose(0, 1).reshape(-1)


def unit_cycle(dilations: tuple[int, ...]) -> int:
    """C if the dilations are whole stacks of 1, 2, ..., 2^(C-1), which are computed; else 0: they are looked up."""
    cycle = next((i for i, (a, b) in enumerate(pairwise(dilations), 1) if b != 2 * a), len(dilations))
    stack = tuple(2**i for i in range(cycle))
    return cycle if dilations == stack * (len(dilations) // cycle) else 0
