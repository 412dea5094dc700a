"""The shape of a frame flow, without PyTorch: what a voice's description says of its network."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require, require_whole

__all__ = ["AHEAD", "LEAST_LAG", "MEL_CONTEXT", "PERIOD", "TEMPLATE", "FrameFlowConfig"]

#: Mel frames on each side of a frame that it sees: a kernel of 5, and the neighbour that is interpolated with.
MEL_CONTEXT = 3
#: Samples before a block that are compared with earlier ones, to find the period of the voice.
TEMPLATE = 160
#: The shortest period that is looked for, in samples.
LEAST_LAG = 32
#: Samples that are heard of one period ago, and how many of them are before the block's first.
PERIOD, AHEAD = 32, 8


@dataclass(frozen=True)
class FrameFlowConfig:
    """The shape of a frame flow. The defaults are the shipped voice's: blocks of 1 ms, 64 ms of context at 16 kHz.

    A block of `block` samples is made at once. `order` is that of the linear prediction, `past` the number of samples
    before a block that the first layer sees, and `lags` the number of periods that are looked for, from LEAST_LAG
    samples on, so that it also sees what was there one period ago. (With neither, blocks depend on each other by the
    prediction alone.) `layers` have dilations of 1, 2, 4, ... blocks. `hop` is the number of samples of a mel frame.
    """

    block: int = 16
    order: int = 16
    past: int = 64
    lags: int = 256
    layers: int = 6
    residual: int = 128
    skip: int = 192
    couplings: int = 4
    coupling_channels: int = 48
    mel_bands: int = 80
    mel_channels: int = 128
    hop: int = 160

    def __post_init__(self) -> None:
        limits = {
            "block": (2, 64),
            "order": (1, 32),
            "past": (0, 1024),
            "lags": (0, 512),
            "layers": (1, 12),
            "residual": (16, 512),
            "skip": (16, 1024),
            "couplings": (0, 16),
            "coupling_channels": (16, 512),
            "mel_bands": (1, 256),
            "mel_channels": (32, 1024),
            "hop": (1, 4096),
        }
        require_whole(self, limits)
        require(self, "block", self.block % 2 == 0, "even, for couplings split it in two")
        require(self, "block", not self.lags or self.block <= PERIOD - AHEAD, "at most 24 with lags")
        require(self, "lags", self.lags % 16 == 0, "a multiple of 16")
        require(self, "hop", self.hop % self.block == 0, f"a multiple of block, {self.block}")
        for name in ("residual", "skip", "coupling_channels", "mel_channels"):
            require(self, name, getattr(self, name) % 16 == 0, "a multiple of 16")

    @property
    def blocks_per_hop(self) -> int:
        """Blocks in a mel frame, J."""
        return self.hop // self.block

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of each layer, in blocks."""
        return tuple(2**i for i in range(self.layers))

    @property
    def inputs(self) -> int:
        """What the first layer sees of the past: of the excitation and of the samples; and how periodic they are."""
        return 2 * self.past + (2 * PERIOD + 1 if self.lags else 0)

    @property
    def longest(self) -> int:
        """Samples before a block in which its period is looked for."""
        return TEMPLATE + LEAST_LAG + self.lags - 1 if self.lags else 0

    @property
    def receptive_field(self) -> int:
        """Samples before a block that it depends on."""
        if not self.inputs:
            return self.order
        seen = max(self.past, self.longest) + self.order
        return seen + sum(self.dilations) * self.block

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights, by their names in `wavesynth.models.frame_flow.FrameFlow`."""
        layers, residual, skip, channels = self.layers, self.residual, self.skip, self.mel_channels
        half, hidden = self.block // 2, self.coupling_channels
        shapes: dict[str, tuple[int, ...]] = {
            "gain": (self.mel_bands,),
            "mel_hidden.weight": (channels, self.mel_bands, 5),
            "mel_hidden.bias": (channels,),
            "mel_output.weight": (channels, channels),
            "mel_output.bias": (channels,),
            "reflection.weight": (self.order, channels),
            "reflection.bias": (self.order,),
            "entry.weight": (residual, channels),
            "entry.bias": (residual,),
            "frames.weight": (layers * 2 * residual, channels),
            "frames.bias": (layers * 2 * residual,),
            "dilated": (layers, 2 * residual, 2 * residual),
            "residual": (layers, residual, residual),
            "residual_bias": (layers, residual),
            "skip.weight": (skip, layers * residual),
            "skip.bias": (skip,),
            "hidden.weight": (skip, skip),
            "hidden.bias": (skip,),
            "affine.weight": (2 * self.block, skip),
            "affine.bias": (2 * self.block,),
        }
        if self.inputs:
            shapes["input.weight"] = (residual, self.inputs)
        for i in range(self.couplings):
            network = f"couplings.parts.{i}.network"
            shapes |= {
                f"couplings.parts.{i}.limit": (half,),
                f"{network}.context.weight": (hidden, skip),
                f"{network}.context.bias": (hidden,),
                f"{network}.kept.weight": (hidden, half),
                f"{network}.output.weight": (2 * half, hidden),
                f"{network}.output.bias": (2 * half,),
            }
        return shapes
