"""The variant for a network of any size on any GPU that Triton knows: one program for each tile of streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from triton.compiler import ASTSource, CompiledKernel
from triton.tools.tensor_descriptor import TensorDescriptor

from wavesynth.kernels.triton.kernel_config import (
    KernelConfig,
    Launch,
    Prepared,
    Workspace,
    compile_kernel,
    pad_slots,
)
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.kernels.triton.tiled_kernel import tiled_kernel

__all__ = ["COLUMNS", "Tiled", "TiledBase"]

#: The most columns of a matrix that one copy brings on chip.
COLUMNS = 64


@dataclass(frozen=True)
class TiledBase(KernelConfig):
    """A launch of one program for each tile of streams."""

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

    def programs(self, streams: int, network: PackedNetwork) -> int:
        """One for each tile of streams, the last of which may not be full."""
        return -(-streams // self.tile)


@dataclass(frozen=True)
class Tiled(TiledBase):
    """See `tiled_kernel`."""

    stages: int = 3
    """Layers whose weights are on their way at once."""
    head_stages: int = 3
    rows: int = 256
    """Rows of the head's matrices that one copy brings on chip, at most 256."""

    @property
    def name(self) -> str:
        """The tile, and the warps if they are not four."""
        return f"tiled {self.tile}" + (f"w{self.warps}" if self.warps != 4 else "")

    def fits(self, network: PackedNetwork) -> bool:
        """True: a matrix that is too large to be on chip whole is read in blocks."""
        return True

    def constants(self, network: PackedNetwork) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, except FORCED and APPROXIMATE."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        return {
            **self.shape_constants(network),
            "B": self.tile,
            "HALF": network.layers * r + s + a + r,
            "SINGLE": a + (2 * r if network.reversible else r),
            "WIDE": r > COLUMNS,
            "BLOCK": COLUMNS,
            "R_COLUMNS": min(r, COLUMNS),
            "S_ROWS": min(s, self.rows),
            "A_ROWS": min(a, self.rows),
            "S_COLUMNS": min(s, COLUMNS),
            "A_COLUMNS": min(a, COLUMNS),
            "STAGES": self.stages,
            "HEAD_STAGES": self.head_stages,
            "REVERSIBLE": network.reversible,
        }

    def blocks(self, network: PackedNetwork) -> dict[str, list[int]]:
        """Rows and columns of each weight matrix that one copy brings on chip."""
        r, c = network.residual_channels, self.constants(network)
        rows = COLUMNS if c["WIDE"] else r
        return {
            "past": [2 * rows, c["R_COLUMNS"]],
            "current": [2 * rows, c["R_COLUMNS"]],
            "residual": [rows, c["R_COLUMNS"]],
            "skip": [c["S_ROWS"], c["R_COLUMNS"]],
            "hidden": [c["A_ROWS"], c["S_COLUMNS"]],
            "output": [c["A_ROWS"], c["A_COLUMNS"]],
        }

    def prepare(self, workspace: Workspace, launch: Launch) -> Prepared:
        """The launch, before it is made."""
        net, streams, drawn = workspace.network, launch.streams, launch.no_samples()
        columns = self.programs(len(launch.slots), net) * self.tile
        slots, constants = pad_slots(launch.slots, columns), self.constants(net)
        memory = workspace.scratch(columns, constants["HALF"], constants["SINGLE"])
        weights = workspace.once(self, lambda: self._descriptors(net))

        def run(programs: range) -> None:
            tiled_kernel[(len(programs),)](
                net.embedding, weights["past"], weights["current"], weights["residual"], weights["skip"],
                net.skip_bias, weights["hidden"], net.hidden_bias, weights["output"], net.output_bias, net.table,
                streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses, slots,
                launch.conditioning, drawn if launch.forced is None else launch.forced, drawn,
                net.skip_bias if launch.logits is None else launch.logits, *memory,
                launch.n, launch.conditioning.shape[1], programs.start, **self.launch_constants(net, launch),
            )  # fmt: skip

        return Prepared(drawn, memory, run)

    def compile(self, network: PackedNetwork, capability: int) -> CompiledKernel:
        """The kernel for GPUs of a compute capability such as 90, 9.0; no GPU is needed."""
        matrices = {
            f"{name}_weights": f"tensordesc<fp16[{rows},{columns}]>"
            for name, (rows, columns) in self.blocks(network).items()
        }
        return compile_kernel(tiled_kernel, ASTSource, self, network, capability, matrices)

    def _descriptors(self, network: PackedNetwork) -> dict[str, Any]:
        return {
            name: TensorDescriptor.from_tensor(getattr(network, name), block)
            for name, block in self.blocks(network).items()
        }
