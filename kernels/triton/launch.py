"""The launch: `reference.advance` on the GPU, or in Triton's interpreter where there is none."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import torch
import triton
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from wavesynth.kernels.triton.network import Network
from wavesynth.kernels.triton.plans import Plan
from wavesynth.kernels.triton.sampler import sampler
from wavesynth.kernels.triton.streams import Streams

__all__ = ["Launcher", "interpreting"]


def interpreting() -> bool:
    """Whether kernels run in Triton's interpreter, on the CPU (TRITON_INTERPRET=1 when they were imported)."""
    return not isinstance(sampler, triton.runtime.jit.JITFunction)


class Launcher:
    """Launches the kernel for one network; keeps what launches share, and nothing of any stream."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._scratch: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def advance(
        self,
        streams: Streams,
        conditioning: Tensor,
        slots: Tensor,
        n: int,
        forced: Tensor | None = None,
        logits: Tensor | None = None,
        *,
        plan: Plan,
    ) -> Tensor:
        """`reference.advance` for this network, by `plan`; returns before the GPU is done.

        `conditioning` is [C, F, L, 2R] float16 and contiguous, `slots` int32 [C] with no slot twice, both on the
        network's device.
        """
        net, device = self.network, self.network.embedding.device
        count = len(slots)
        programs = -(-count // plan.tile)
        drawn = torch.full((count, n), -1, dtype=torch.int32, device=device)
        padded = torch.full((programs * plan.tile,), -1, dtype=torch.int32, device=device)
        padded[:count] = slots
        constants = plan.constants(net)
        half, single = self._memory(programs * plan.tile, constants)
        matrices = self._descriptors(plan)
        nothing = drawn
        sampler[(programs,)](
            net.embedding, matrices["past"], matrices["current"], matrices["residual"],
            matrices["skip"], net.skip_bias, matrices["hidden"], net.hidden_bias, matrices["output"], net.output_bias,
            net.table,
            streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses,
            padded, conditioning, nothing if forced is None else forced, drawn,
            single if logits is None else logits, half, single,
            n, conditioning.shape[1],
            **constants, FORCED=forced is not None, APPROXIMATE=not interpreting(),
            num_warps=plan.warps, enable_fp_fusion=False,
        )  # fmt: skip
        return drawn

    def _memory(self, columns: int, constants: Mapping[str, int]) -> tuple[Tensor, Tensor]:
        """What a program has for the time of its launch, for each of its columns."""
        key = (columns, 0)
        if key not in self._scratch:
            self._scratch.clear()
            device = self.network.embedding.device
            self._scratch[key] = (
                torch.zeros(columns, constants["HALF"], dtype=torch.float16, device=device),
                torch.zeros(columns, constants["SINGLE"], device=device),
            )
        return self._scratch[key]

    @functools.cache  # noqa: B019  (a launcher lives as long as its voice)
    def _descriptors(self, plan: Plan) -> dict[str, TensorDescriptor]:
        blocks = plan.blocks(self.network)
        return {
            name: TensorDescriptor.from_tensor(getattr(self.network, name), block)
            for name, block in blocks.items()
        }
