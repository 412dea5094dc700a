"""The variant for a Hopper GPU: producer warps keep the weights on their way, the other warps consume them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from triton.compiler import CompiledKernel
from triton.experimental.gluon._runtime import GluonASTSource
from triton.experimental.gluon.nvidia import hopper

from wavesynth.kernels.triton.kernel_config import Launch, Prepared, Workspace, compile_kernel, pad_slots
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.kernels.triton.tiled import COLUMNS, TiledBase
from wavesynth.kernels.triton.warp_specialized_consumer import SWIZZLED
from wavesynth.kernels.triton.warp_specialized_kernel import warp_specialized_kernel

__all__ = ["WarpSpecialized"]

#: Layers whose past and conditioning are on their way at once.
_AHEAD = 4


@dataclass(frozen=True)
class WarpSpecialized(TiledBase):
    """See `warp_specialized_kernel`.

    Besides its consumer warps, a multiple of four, there are two producer warps, which leave their registers to the
    others.
    """

    registers: int | None = 168
    stages: int = 2
    """Layers whose weights are on chip at once, or on their way there."""
    wide_stages: int = 2
    """The same of the blocks of skip weights, and the head's."""

    @property
    def name(self) -> str:
        """The tile."""
        return f"warp_specialized {self.tile}"

    def fits(self, network: PackedNetwork) -> bool:
        """Whether the kernel has a network of that size: R = 64, S and A 128 or 256, more than four layers; and one
        stream, which a reversible network has not."""
        widths = {network.skip_channels, network.classes}
        if network.reversible:
            return False
        return network.residual_channels == COLUMNS and widths <= {128, 256} and network.layers > _AHEAD

    def constants(self, network: PackedNetwork) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, except FORCED and APPROXIMATE."""
        return {
            **self.shape_constants(network),
            "B": self.tile,
            "WARPS": self.warps,
            "STAGES": self.stages,
            "WIDE_STAGES": self.wide_stages,
            "AHEAD": _AHEAD,
        }

    def blocks(self, network: PackedNetwork) -> dict[str, list[int]]:
        """Rows and columns of each weight matrix that one copy brings on chip."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        rows = {"past": 2 * r, "current": 2 * r, "residual": r, "skip": s, "hidden": a, "output": a}
        return {name: [count, COLUMNS] for name, count in rows.items()}

    def prepare(self, workspace: Workspace, launch: Launch) -> Prepared:
        """The launch, before it is made."""
        net, streams, drawn = workspace.network, launch.streams, launch.no_samples()
        slots = pad_slots(launch.slots, self.programs(len(launch.slots), net) * self.tile)
        weights = workspace.once(self, lambda: self._descriptors(net))

        def run(programs: range) -> None:
            warp_specialized_kernel[(len(programs),)](
                net.embedding, weights["past"], weights["current"], weights["residual"], weights["skip"],
                net.skip_bias, weights["hidden"], net.hidden_bias, weights["output"], net.output_bias, net.table,
                streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses, slots,
                launch.conditioning, drawn if launch.forced is None else launch.forced, drawn,
                net.skip_bias if launch.logits is None else launch.logits,
                launch.n, launch.conditioning.shape[1], programs.start, **self.launch_constants(net, launch),
            )  # fmt: skip

        return Prepared(drawn, (), run)

    def compile(self, network: PackedNetwork, capability: int) -> CompiledKernel:
        """The kernel for GPUs of a compute capability such as 90, 9.0; no GPU is needed."""
        matrices = {
            f"{name}_weights": f"tensordesc<fp16[{rows},{columns}],{SWIZZLED.value!r}>"
            for name, (rows, columns) in self.blocks(network).items()
        }
        return compile_kernel(warp_specialized_kernel, GluonASTSource, self, network, capability, matrices)

    def _descriptors(self, network: PackedNetwork) -> dict[str, Any]:
        return {
            name: hopper.TensorDescriptor.from_tensor(getattr(network, name), block, SWIZZLED.value)
            for name, block in self.blocks(network).items()
        }
