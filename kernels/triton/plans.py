"""How a launch is cut into programs: by the shape of the network and the number of streams."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.kernels.triton.network import Network, unit_cycle

__all__ = ["Plan", "choose"]

#: The most rows or columns of a matrix that one copy brings on chip.
_ROWS, _COLUMNS = 256, 64


@dataclass(frozen=True)
class Plan:
    """One way to launch the kernel; which one is taken changes the time, not the samples."""

    tile: int
    """Streams of a program: B."""
    warps: int
    stages: int = 3
    """Layers whose weights are on their way at once."""
    head_stages: int = 3
    fuse: bool = False
    """Whether the skip product is made layer by layer, or once after all layers."""

    def constants(self, network: Network) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, FORCED and APPROXIMATE aside."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        wide = is_wide(network)
        if self.fuse and (wide or s > _ROWS):
            raise ValueError(f"fuse is True; a network of residual {r} and skip {s} must have it False")
        return {
            "L": network.layers,
            "CYCLE": unit_cycle(network.dilations),
            "QUEUE": network.rows,
            "HOP": network.hop,
            "R": r,
            "S": s,
            "A": a,
            "B": self.tile,
            "HALF": network.layers * r + s + a + r,
            "SINGLE": a + r,
            "WIDE": wide,
            "BLOCK": _COLUMNS,
            "R_COLUMNS": min(r, _COLUMNS),
            "S_ROWS": min(s, _ROWS),
            "A_ROWS": min(a, _ROWS),
            "S_COLUMNS": min(s, _COLUMNS),
            "A_COLUMNS": min(a, _COLUMNS),
            "STAGES": self.stages,
            "HEAD_STAGES": self.head_stages,
            "FUSE": self.fuse,
        }

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


def is_wide(network: Network) -> bool:
    """Whether a layer's matrices are too large to be on chip whole."""
    return network.residual_channels > _COLUMNS


def choose(streams: int, processors: int) -> Plan:
    """The plan for so many streams on a GPU of so many multiprocessors: the smallest tile that keeps all of them."""
    if streams <= 16 * processors:
        return Plan(tile=16, warps=4)
    if streams <= 32 * processors:
        return Plan(tile=32, warps=8)
    return Plan(tile=64, warps=8)
