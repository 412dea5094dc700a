"""RevNet: a residual network for classification whose activations training need not keep.

Gomez et al., "The Reversible Residual Network: Backpropagation Without Storing Activations", 2017. Stages of
reversible blocks, `wavesynth.models.reversible`; between two stages the resolution is halved and the channels are
doubled, which is not reversible: what each stage begins with is kept, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.checks import require, require_whole
from wavesynth.models.reversible import ReversibleBlock, ReversibleSequence

__all__ = ["RevNet", "RevNetConfig"]


@dataclass(frozen=True)
class RevNetConfig:
    """The shape of a RevNet: of images if `dimensions` is 2, of audio if it is 1."""

    dimensions: int = 2
    inputs: int = 3
    """Channels of the input."""
    channels: int = 32
    """Of both streams together, in the first stage."""
    blocks: tuple[int, ...] = (3, 3, 3)
    """Blocks of each stage; a block has two layers, F and G."""
    classes: int = 10
    dropout: float = 0.0

    def __post_init__(self) -> None:
        limits = {"dimensions": (1, 2), "inputs": (1, 1024), "channels": (2, 4096), "classes": (2, 100_000)}
        require_whole(self, limits)
        require(self, "channels", self.channels % 2 == 0, "even: the two streams have half each")
        whole = all(type(n) is int and 1 <= n <= 1000 for n in self.blocks)
        require(self, "blocks", bool(self.blocks) and whole, "whole numbers from 1 to 1000, one a stage")
        require(self, "dropout", 0 <= self.dropout < 1, "from 0 to below 1")


class RevNet(nn.Module):
    """Logits [B, classes] of inputs [B, inputs, ...]. With `stored` all activations are kept: the same network.

    >>> import torch
    >>> RevNet(RevNetConfig(blocks=(1, 1), channels=4))(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, config: RevNetConfig | None = None, *, stored: bool = False) -> None:
        super().__init__()
        self.config = c = config or RevNetConfig()
        self._convolution: Any = nn.Conv1d if c.dimensions == 1 else nn.Conv2d
        self._norm: Any = nn.BatchNorm1d if c.dimensions == 1 else nn.BatchNorm2d
        widths = [c.channels * 2**stage for stage in range(len(c.blocks))]
        self.stem = self._convolution(c.inputs, c.channels, 3, padding=1)
        self.stages = nn.ModuleList(
            ReversibleSequence(
                (
                    ReversibleBlock(self._residual(width // 2), self._residual(width // 2))
                    for _ in range(blocks)
                ),
                stored=stored,
            )
            for width, blocks in zip(widths, c.blocks, strict=True)
        )
        self.narrowing = nn.ModuleList(
            self._convolution(width, wider, 3, stride=2, padding=1) for width, wider in pairwise(widths)
        )
        self.norm = self._norm(widths[-1])
        self.output = nn.Linear(widths[-1], c.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits; x is [B, inputs, T], or [B, inputs, H, W]."""
        c = self.config
        if x.dim() != 2 + c.dimensions or x.shape[1] != c.inputs:
            wanted = ["B", str(c.inputs), *("T" if c.dimensions == 1 else "HW")]
            raise ValueError(f"x has shape {list(x.shape)}; it must be [{', '.join(wanted)}]")
        x = self.stages[0](self.stem(x))
        for narrow, stage in zip(self.narrowing, self.stages[1:], strict=True):
            x = stage(narrow(x))
        logits: Tensor = self.output(F.relu(self.norm(x)).flatten(2).mean(2))
        return logits

    def _residual(self, width: int) -> nn.Sequential:
        """Pre-activation: what is added to a stream has no nonlinearity after it."""
        layers = []
        for _ in range(2):
            layers += [
                self._norm(width),
                nn.ReLU(),
                self._convolution(width, width, 3, padding=1, bias=False),
            ]
        return nn.Sequential(*layers, *([nn.Dropout(self.config.dropout)] if self.config.dropout else []))
