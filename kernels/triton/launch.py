"""The launch: `reference.advance` on the GPU, or in Triton's interpreter where there is none."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import triton
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

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
        self._scratch: dict[tuple[int, ...], tuple[Tensor, Tensor, Tensor]] = {}

    def advance(
        self,
        streams: Streams,
        conditioning: Tensor,
        slots: Tensor,
        n: int,
        forced: Tensor | None = None,
        logits: Tensor | None = None,
        *,
        plan: Plan | Ring | Belt,
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
        plan: Plan | Ring | Belt,
    ) -> Prepared:
        """A launch as `advance` makes it, before it is made. Raises ValueError for `forced` without `logits`."""
        if (forced is None) != (logits is None):
            raise ValueError("one of forced and logits is missing; given samples are for their logits")
        if isinstance(plan, Ring):
            return self._ring(streams, conditioning, slots, n, forced, logits, plan)
        if isinstance(plan, Belt):
            return self._belt(streams, conditioning, slots, n, forced, logits, plan)
        net, device = self.network, self.network.embedding.device
        count = len(slots)
        columns = -(-count // plan.tile) * plan.tile
        drawn = torch.full((count, n), -1, dtype=torch.int32, device=device)
        padded = torch.full((columns,), -1, dtype=torch.int32, device=device)
        padded[:count] = slots
        constants = plan.constants(net)
        half, single, flags = memory = self._memory(columns, constants)
        if plan.helpers:
            half.view(torch.int16).fill_(-1)  # helpers.MISSING
            flags.zero_()
        matrices = self._descriptors(plan)
        unused = drawn

        def run(programs: range) -> None:
            sampler[(len(programs),)](
                net.embedding, matrices["past"], matrices["current"], matrices["residual"], matrices["skip"],
                net.skip_bias, matrices["hidden"], net.hidden_bias, matrices["output"], net.output_bias, net.table,
                streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses,
                padded, conditioning, unused if forced is None else forced, drawn,
                single if logits is None else logits, half, half.view(torch.int16), single, flags,
                n, conditioning.shape[1], programs.start, columns // plan.tile,
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

    def _belt(self, streams, conditioning, slots, n, forced, logits, plan):
        from triton.experimental.gluon.language import NVMMASharedLayout
        from triton.experimental.gluon.nvidia.hopper import TensorDescriptor as Descriptor
        from wavesynth.kernels.triton.belt import belt
        net, device, constants = self.network, self.network.embedding.device, plan.constants(self.network)
        count = len(slots)
        drawn = torch.full((count, n), -1, dtype=torch.int32, device=device)
        padded = torch.full((-(-count // plan.tile) * plan.tile,), -1, dtype=torch.int32, device=device)
        padded[:count] = slots
        swizzled = NVMMASharedLayout(128, 16, 2)
        m = {name: Descriptor.from_tensor(getattr(net, name), block, swizzled) for name, block in plan.blocks(net).items()}

        def run(programs: range) -> None:
            belt[(len(programs),)](
                net.embedding, m["past"], m["current"], m["residual"], m["skip"],
                net.skip_bias, m["hidden"], net.hidden_bias, m["output"], net.output_bias, net.table,
                streams.queues, streams.tokens, streams.indices, streams.seeds, streams.inverses,
                padded, conditioning, drawn if forced is None else forced, drawn,
                net.skip_bias if logits is None else logits,
                n, conditioning.shape[1], programs.start,
                **constants, FORCED=forced is not None, APPROXIMATE=True, **plan.options,
            )  # fmt: skip

        return Prepared(drawn, (), run)

    def _memory(self, columns: int, constants: Mapping[str, int]) -> tuple[Tensor, Tensor, Tensor]:
        """What a program has for the time of its launch, for each of its columns."""
        key = (columns, constants["HALF"], constants["SINGLE"])
        if key not in self._scratch:
            self._scratch.clear()
            device = self.network.embedding.device
            self._scratch[key] = (
                torch.zeros(columns, constants["HALF"], dtype=torch.float16, device=device),
                torch.zeros(columns, constants["SINGLE"], device=device),
                torch.zeros(columns, dtype=torch.int32, device=device),
            )
        return self._scratch[key]

    @functools.cache  # noqa: B019  (a launcher lives as long as its voice)
    def _descriptors(self, plan: Plan) -> dict[str, TensorDescriptor]:
        blocks = plan.blocks(self.network)
        return {
            name: TensorDescriptor.from_tensor(getattr(self.network, name), block)
            for name, block in blocks.items()
        }
