"""The launch: `reference.advance` on the GPU, or in Triton's interpreter where there is none."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor
from triton.experimental.gluon.nvidia import hopper
from triton.tools.tensor_descriptor import TensorDescriptor

from wavesynth.kernels.triton.belt import SWIZZLED, belt
from wavesynth.kernels.triton.network import Network
from wavesynth.kernels.triton.plans import Belt, Plan, Ring
from wavesynth.kernels.triton.ring import ring
from wavesynth.kernels.triton.sampler import sampler
from wavesynth.kernels.triton.streams import Streams

__all__ = ["Launcher", "Prepared", "interpreting"]


def interpreting() -> bool:
    """Whether kernels run in Triton's interpreter, on the CPU (TRITON_INTERPRET=1 when they were imported)."""
    return not isinstance(sampler, triton.runtime.jit.JITFunction)


@dataclass(frozen=True)
class Prepared:
    """A launch; `run(programs)` makes it, all programs at once on a GPU, or some of them."""

    drawn: Tensor
    memory: tuple[Tensor, ...]
    """What its programs share besides the streams."""
    run: Callable[[range], None]


class Launcher:
    """Launches the kernel for one network; keeps what launches share, and nothing of any stream."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._scratch: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    def advance(
        self,
        streams: Streams,
        conditioning: Tensor,
        slots: Tensor,
        n: int,
        forced: Tensor | None = None,
        logits: Tensor | None = None,
        *,
        plan: Plan | Belt | Ring,
    ) -> Tensor:
        """`reference.advance` for this network, by `plan`; returns before the GPU is done.

        `conditioning` is [C, F, L, 2R] float16 and contiguous, `slots` int32 [C] with no slot twice, both on the
        network's device.
        """
        prepared = self.prepare(streams, conditioning, slots, n, forced, logits, plan=plan)
        prepared.run(range(plan.programs(len(slots), self.network)))
        return prepared.drawn

    def prepare(
        self,
        streams: Streams,
        conditioning: Tensor,
        slots: Tensor,
        n: int,
        forced: Tensor | None = None,
        logits: Tensor | None = None,
        *,
        plan: Plan | Belt | Ring,
    ) -> Prepared:
        """A launch as `advance` makes it, before it is made. Raises ValueError for `forced` without `logits`."""
        if (forced is None) != (logits is None):
            raise ValueError("one of forced and logits is missing; given samples are for their logits")
        if isinstance(plan, Ring):
            return self._ring(streams, conditioning, slots, n, forced, logits, plan)
        net, device = self.network, self.network.embedding.device
        columns = plan.programs(len(slots), net) * plan.tile
        drawn = torch.full((len(slots), n), -1, dtype=torch.int32, device=device)
        padded = torch.full((columns,), -1, dtype=torch.int32, device=device)
        padded[: len(slots)] = slots
        constants = plan.constants(net)
        matrices = self._descriptors(plan)
        kernel, memory = (belt, ()) if isinstance(plan, Belt) else (sampler, self._memory(columns, constants))

        def run(programs: range) -> None:
            kernel[(len(programs),)](
                net.embedding, matrices["past"], matrices["current"], matrices["residual"], matrices["skip"],
                net.skip_bias, matrices["hidden"], net.hidden_bias, matrices["output"], net.output_bias, net.table,
                streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses, padded, conditioning,
                drawn if forced is None else forced, drawn, net.skip_bias if logits is None else logits, *memory,
                n, conditioning.shape[1], programs.start,
                **constants, FORCED=forced is not None, APPROXIMATE=not interpreting(), **plan.options,
            )  # fmt: skip

        return Prepared(drawn, memory, run)

    def _ring(
        self,
        streams: Streams,
        conditioning: Tensor,
        slots: Tensor,
        n: int,
        forced: Tensor | None,
        logits: Tensor | None,
        plan: Ring,
    ) -> Prepared:
        net, device, constants = self.network, self.network.embedding.device, plan.constants(self.network)
        drawn = torch.full((len(slots), n), -1, dtype=torch.int32, device=device)
        box = torch.zeros(len(slots), constants["BOX"], dtype=torch.int64, device=device)
        given = torch.empty(
            len(slots), constants["CHAIN"], 2 * plan.group * net.residual_channels, device=device
        )

        def run(programs: range) -> None:
            ring[(len(programs),)](
                net.embedding, net.past, net.current, net.residual, net.skip, net.skip_bias, net.hidden,
                net.hidden_bias, net.output, net.output_bias, net.table,
                streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses, slots, conditioning,
                drawn if forced is None else forced, drawn, given if logits is None else logits, box, given,
                n, conditioning.shape[1], programs.start,
                **constants, FORCED=forced is not None, APPROXIMATE=not interpreting(), **plan.options,
            )  # fmt: skip

        return Prepared(drawn, (box, given), run)

    def _memory(self, columns: int, constants: Mapping[str, int]) -> tuple[Tensor, Tensor]:
        """What a program has for the time of its launch, for each of its columns."""
        key = (columns, constants["HALF"], constants["SINGLE"])
        if key not in self._scratch:
            self._scratch.clear()
            device = self.network.embedding.device
            self._scratch[key] = (
                torch.zeros(columns, constants["HALF"], dtype=torch.float16, device=device),
                torch.zeros(columns, constants["SINGLE"], device=device),
            )
        return self._scratch[key]

    @functools.cache  # noqa: B019  (a launcher lives as long as its voice)
    def _descriptors(self, plan: Plan | Belt) -> dict[str, Any]:
        def described(matrix: Tensor, block: list[int]) -> Any:
            if isinstance(plan, Belt):
                return hopper.TensorDescriptor.from_tensor(matrix, block, SWIZZLED.value)
            return TensorDescriptor.from_tensor(matrix, block)

        return {
            name: described(getattr(self.network, name), block)
            for name, block in plan.blocks(self.network).items()
        }
