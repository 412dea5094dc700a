"""How a launch is cut into programs: by the shape of the network and the number of streams."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.kernels.triton.network import Network, unit_cycle

__all__ = ["BELTS", "TILES", "Belt", "Plan", "Ring", "choose", "is_wide", "tiles"]

#: The most columns of a matrix that one copy brings on chip.
_COLUMNS = 64
#: Layers whose past and conditioning are on their way at once.
_AHEAD = 4


def _shape(network: Network) -> dict[str, int]:
    """What all kernels know of a network at compile time."""
    return {
        "L": network.layers,
        "CYCLE": unit_cycle(network.dilations),
        "QUEUE": network.rows,
        "HOP": network.hop,
        "R": network.residual_channels,
        "S": network.skip_channels,
        "A": network.classes,
    }


@dataclass(frozen=True)
class _Tiled:
    """A launch of one program for each tile of streams; which one is taken changes the time, not the samples."""

    tile: int
    """Streams of a program: B."""
    warps: int
    registers: int | None = None
    """The most that a thread may have, at first; None leaves it to the compiler."""

    @property
    def options(self) -> dict[str, int | bool]:
        """The compiler's options. Nothing is fused: the draw's steps are each rounded on their own."""
        options: dict[str, int | bool] = {"num_warps": self.warps, "enable_fp_fusion": False}
        if self.registers is not None:
            options["maxnreg"] = self.registers
        return options

    def programs(self, streams: int, network: Network) -> int:
        """How many programs a launch has for so many streams."""
        return -(-streams // self.tile)


@dataclass(frozen=True)
class Plan(_Tiled):
    """For a network of any size on any GPU that Triton knows: see `sampler`."""

    stages: int = 3
    """Layers whose weights are on their way at once."""
    head_stages: int = 3
    rows: int = 256
    """Rows of the head's matrices that one copy brings on chip, at most 256."""

    def constants(self, network: Network) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, FORCED and APPROXIMATE aside."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        return {
            **_shape(network),
            "B": self.tile,
            "HALF": network.layers * r + s + a + r,
            "SINGLE": a + r,
            "WIDE": is_wide(network),
            "BLOCK": _COLUMNS,
            "R_COLUMNS": min(r, _COLUMNS),
            "S_ROWS": min(s, self.rows),
            "A_ROWS": min(a, self.rows),
            "S_COLUMNS": min(s, _COLUMNS),
            "A_COLUMNS": min(a, _COLUMNS),
            "STAGES": self.stages,
            "HEAD_STAGES": self.head_stages,
        }

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.tile}" + (f"w{self.warps}" if self.warps != 4 else "")

    def blocks(self, network: Network) -> dict[str, list[int]]:
        """Rows and columns of each weight matrix that one copy brings on chip."""
        r, c = network.residual_channels, self.constants(network)
        rows = _COLUMNS if c["WIDE"] else r
        return {
            "past": [2 * rows, c["R_COLUMNS"]],
            "current": [2 * rows, c["R_COLUMNS"]],
            "residual": [rows, c["R_COLUMNS"]],
            "skip": [c["S_ROWS"], c["R_COLUMNS"]],
            "hidden": [c["A_ROWS"], c["S_COLUMNS"]],
            "output": [c["A_ROWS"], c["A_COLUMNS"]],
        }


@dataclass(frozen=True)
class Ring:
    """One stream as fast as can be, each by programs of its own: see `ring`. Its samples are not those of a `Plan`."""

    group: int = 4
    """Layers whose weights one program keeps."""
    heads: int = 4
    """Programs that share the skip sums, the hidden layer and the logits."""
    warps: int = 8

    @property
    def name(self) -> str:
        """For tables."""
        return f"ring {self.group}+{self.heads}"

    def chain(self, network: Network) -> int:
        """Programs that the layers are shared among."""
        return -(-network.layers // self.group)

    def fits(self, network: Network) -> bool:
        """Whether a program's registers hold its part of the weights."""
        return network.residual_channels <= 64 and max(network.skip_channels, network.classes) <= 256

    def programs(self, streams: int, network: Network) -> int:
        """How many programs a launch has for so many streams."""
        return streams * (self.chain(network) + self.heads)

    def constants(self, network: Network) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, FORCED and APPROXIMATE aside."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        return {
            **_shape(network),
            "GROUP": self.group,
            "CHAIN": self.chain(network),
            "HEADS": self.heads,
            "BOX": (self.chain(network) + network.layers) * r + s + 2 * a,
            "R_LANES": min(self.warps // 2, r // 8),
            "HEAD_LANES": min(self.warps // 2, s // 8, a // 8, self.group * r // 8),
            "THREADS": self.warps * 32,
        }

    @property
    def options(self) -> dict[str, int | bool]:
        """The compiler's options."""
        return {"num_warps": self.warps, "launch_cooperative_grid": True}


@dataclass(frozen=True)
class Belt(_Tiled):
    """For a Hopper GPU, with the weights always on their way: see `belt`.

    Beside its warps, a multiple of four, are two that bring weights and leave their registers to the others.
    """

    registers: int | None = 168
    stages: int = 2
    """Layers whose weights are on chip at once, or on their way there."""
    wide_stages: int = 2
    """The same of the blocks of skip weights, and the head's."""

    @property
    def name(self) -> str:
        """For tables."""
        return f"belt {self.tile}"

    def fits(self, network: Network) -> bool:
        """Whether the kernel has a network of that size."""
        widths = {network.skip_channels, network.classes}
        return network.residual_channels == _COLUMNS and widths <= {128, 256} and network.layers > _AHEAD

    def blocks(self, network: Network) -> dict[str, list[int]]:
        """Rows and columns of each weight matrix that one copy brings on chip."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        rows = {"past": 2 * r, "current": 2 * r, "residual": r, "skip": s, "hidden": a, "output": a}
        return {name: [count, _COLUMNS] for name, count in rows.items()}

    def constants(self, network: Network) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, FORCED and APPROXIMATE aside."""
        return {
            **_shape(network),
            "B": self.tile,
            "WARPS": self.warps,
            "STAGES": self.stages,
            "WIDE_STAGES": self.wide_stages,
            "AHEAD": _AHEAD,
        }


def is_wide(network: Network) -> bool:
    """Whether a layer's matrices are too large to be on chip whole."""
    return network.residual_channels > _COLUMNS


#: By how many streams there are: on any GPU that Triton knows.
TILES = (
    Plan(tile=8, warps=4),
    Plan(tile=16, warps=4, registers=168),
    Plan(tile=32, warps=8),
    Plan(tile=64, warps=8),
)
#: The same for GPUs whose factors come from registers (8.x), or whose sums are in a memory of their own (10.x): with
#: what the compiler puts on the stack least of, see docs/gpu.md.
_AMPERE = tuple(Plan(tile=tile, warps=8, rows=128, head_stages=1) for tile in (8, 16, 32, 64))
_BLACKWELL = (
    TILES[0],
    Plan(tile=16, warps=8),
    Plan(tile=32, warps=8, rows=128),
    Plan(tile=64, warps=8, rows=64, stages=2, head_stages=1),
)
#: On a GPU of compute capability 9.x, for networks that they fit: what was fastest on an H100 (docs/gpu.md).
BELTS = (
    Belt(tile=8, warps=4, wide_stages=3),
    Belt(tile=16, warps=4, wide_stages=3),
    Belt(tile=32, warps=8),
)
#: Programs that share what a ring does besides its layers, the most that there is room for: the more, the faster.
_HEADS = (16, 8, 4)


def tiles(capability: int) -> tuple[Plan, ...]:
    """The plans for a compute capability such as 90, 9.0, by their tiles."""
    return _AMPERE if capability < 90 else TILES if capability < 100 else _BLACKWELL


def choose(
    network: Network, streams: int, most: int, processors: int, capability: int = 90
) -> Plan | Ring | Belt:
    """The plan for `streams` of at most `most` on a GPU of so many multiprocessors and such a capability.

    A ring, whose samples are its own, is for either all numbers of streams or none: what a stream is must not depend on
    how many there are. Else the plan of the smallest tile of which all are on the GPU at once.
    """
    for heads in _HEADS:
        ring = Ring(heads=heads)
        if ring.fits(network) and ring.programs(most, network) <= processors:
            return ring
    many: tuple[Plan | Belt, ...] = tiles(capability)
    if 90 <= capability < 100 and BELTS[0].fits(network):
        many = BELTS
    return next((plan for plan in many if plan.programs(streams, network) <= processors), many[-1])
