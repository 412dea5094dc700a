"""Where a sample's bytes, multiply-adds and time go on a GPU: a model in cycles of one multiprocessor.

    python -m experiments.bounds [bench-gpu/results.json ...]

Found, on one H100: the model explains the timed prototypes, to which it was fitted, and the warp-specialized kernel,
which was timed afterwards, within a fifth; no kernel is predicted above the bound by bytes and arithmetic
(docs/lab/2026-11-27-gpu-kernels.md).

Prints what the model says of each kernel that was timed, and what share of the bound the kernels reach in the results
of `wavesynth bench gpu`. Bounds come from the network's shape and the GPU's data sheet. `Chain` says what a compiled
kernel should reach, from what stands in its loop over layers.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["H100", "MEASURED", "WARP_SPECIALIZED", "Chain", "Gpu", "Measurement", "Shape"]


@dataclass(frozen=True)
class Gpu:
    """What a GPU can do, by its maker's figures."""

    processors: int
    gigahertz: float
    multiply_adds: int
    """Half-precision multiply-adds of a multiprocessor's tensor cores in a cycle."""
    cache_bytes: int
    """Bytes from the L2 cache to a multiprocessor in a cycle."""


H100 = Gpu(processors=132, gigahertz=1.755, multiply_adds=2048, cache_bytes=64)


@dataclass(frozen=True)
class Shape:
    """A network's."""

    layers: int
    residual: int = 64
    skip: int = 256
    classes: int = 256

    @property
    def chain(self) -> int:
        """Multiply-adds of a layer that each wait for those before: the present, and the residual."""
        return 2 * self.residual**2 + self.residual**2

    @property
    def beside(self) -> int:
        """Multiply-adds of a layer that need not: the past, known before the sample; the skip sums, needed after it."""
        return 2 * self.residual**2 + self.residual * self.skip

    @property
    def head(self) -> int:
        """Multiply-adds from the skip sums to the logits."""
        return self.skip * self.classes + self.classes**2

    @property
    def multiply_adds(self) -> int:
        """All of one sample of one stream."""
        return self.layers * (self.chain + self.beside) + self.head

    def cycles_of_bytes(self, gpu: Gpu) -> float:
        """Cycles that a sample's float16 weights take to come to one program."""
        return 2 * self.multiply_adds / gpu.cache_bytes

    def cycles_of_arithmetic(self, gpu: Gpu, tile: int) -> float:
        """Cycles that a sample of a tile takes of one multiprocessor's tensor cores."""
        return self.multiply_adds * tile / gpu.multiply_adds

    def bound(self, gpu: Gpu, streams: int) -> float:
        """The most kHz per stream that bytes and arithmetic leave for so many streams, by the best of tiles."""
        rates = []
        for tile in (8, 16, 32, 64):
            rounds = -(-streams // (tile * gpu.processors))
            cycles = max(self.cycles_of_bytes(gpu), self.cycles_of_arithmetic(gpu, min(tile, streams)))
            rates.append(gpu.gigahertz * 1e6 / (cycles * rounds))
        return max(rates)


@dataclass(frozen=True)
class Chain:
    """What stands in a kernel's loop over layers, one after the other, counted as docs/explanation/gpu.md says."""

    products: int
    """Products of matrices that each wait for the one before."""
    exchanges: int
    """Turns through shared memory, from one layout of registers to another or to a product's operand."""
    tile: int
    warps: int
    skip: int = 0
    """Rows of skip weights that are multiplied in the loop, one after the other with the rest."""

    #: Cycles: a product; an exchange for each warp in it; a column's gate and sums; a sample's head and draw, and for
    #: each column.
    PRODUCT = 200
    EXCHANGE = 41
    COLUMN = 33
    SAMPLE = 14_700
    SAMPLE_COLUMN = 100

    def layer(self, shape: Shape) -> float:
        """Cycles of a layer."""
        read = 2 * self.skip * shape.residual / 128  # a product reads its weights from shared memory
        return (
            self.PRODUCT * self.products
            + self.EXCHANGE * self.warps * self.exchanges
            + self.COLUMN * self.tile
            + read
        )

    def kilohertz(self, shape: Shape, gpu: Gpu = H100) -> float:
        """Samples of each stream in a millisecond, however many tiles a GPU has at once."""
        sample = self.SAMPLE + self.SAMPLE_COLUMN * self.tile
        latency = shape.layers * self.layer(shape) + sample
        return gpu.gigahertz * 1e6 / max(latency, shape.cycles_of_bytes(gpu))


@dataclass(frozen=True)
class Measurement:
    """A kernel's speed on one H100, kHz per stream."""

    name: str
    shape: Shape
    chain: Chain
    kilohertz: float


_V6 = Chain(products=3, exchanges=6, tile=16, warps=4)
MEASURED = (
    Measurement("v1, 16 streams", Shape(30), Chain(6, 6, 16, 4, skip=256), 19.7 / 1.25),
    Measurement("v2, 16 streams", Shape(30), Chain(5, 7, 16, 4), 19.7),
    Measurement("v2, 4,224 streams", Shape(30), Chain(5, 7, 32, 4), 15.7),
    Measurement("v2, 8,448 streams", Shape(30), Chain(5, 7, 64, 4), 9.9),
    Measurement("v6, 1 stream", Shape(30), _V6, 21.9),
    Measurement("v6, 2,112 streams", Shape(30), _V6, 22.0),
    Measurement("v6, 4,224 streams", Shape(30), Chain(3, 6, 32, 8), 13.7),
    Measurement("v6, 1 stream, 50 layers", Shape(50), _V6, 14.3),
    Measurement("v6, 2,112 streams, 50 layers", Shape(50), _V6, 14.4),
)
#: The kernel of many streams, timed after the model had been fitted.
WARP_SPECIALIZED = tuple(
    Measurement(
        f"warp_specialized {tile}, {layers} layers", Shape(layers), Chain(2, 2, tile, warps), kilohertz
    )
    for layers, tile, warps, kilohertz in (
        (30, 8, 4, 41.34),
        (30, 16, 4, 35.69),
        (30, 32, 8, 22.40),
        (50, 8, 4, 26.90),
        (50, 16, 4, 20.89),
        (50, 32, 8, 14.45),
    )
)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="*", type=Path)
    arguments = parser.parse_args()
    for measured in MEASURED + WARP_SPECIALIZED:
        model = measured.chain.kilohertz(measured.shape)
        print(f"{measured.name:34} {measured.kilohertz:6.2f} kHz, model {model:6.2f}")
    for path in arguments.results:
        for name, result in json.loads(path.read_text("utf-8")).items():
            if name.startswith("speed") and "khz_per_stream" in result:
                layers, streams = map(int, name.split()[1:])
                bound = Shape(layers, skip=128 if layers == 20 else 256).bound(H100, streams)
                share = result["khz_per_stream"] / bound
                print(f"{layers} layers, {streams} streams: {share:.0%} of {bound:.1f} kHz")


if __name__ == "__main__":
    main()
