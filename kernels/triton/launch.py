"""The launch: `reference.advance` on the GPU, or in Triton's interpreter where there is none."""

from __future__ import annotations

from torch import Tensor

from wavesynth.kernels.triton.kernel_config import KernelConfig, Launch, Prepared, Workspace
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.kernels.triton.streams import Streams

__all__ = ["Launcher"]


class Launcher:
    """Launches the kernel for one network; keeps what launches share, and nothing of any stream."""

    def __init__(self, network: PackedNetwork) -> None:
        self.network = network
        self._workspace = Workspace(network)

    def advance(
        self,
        streams: Streams,
        conditioning: Tensor,
        slots: Tensor,
        n: int,
        forced: Tensor | None = None,
        logits: Tensor | None = None,
        *,
        config: KernelConfig,
    ) -> Tensor:
        """`reference.advance` for this network, by `config`; returns before the GPU is done.

        `conditioning` is [C, F, L, 2R] float16 and contiguous, `slots` int32 [C] with no slot twice, both on the
        network's device. Raises ValueError for `forced` without `logits`.
        """
        prepared = self.prepare(Launch(streams, conditioning, slots, n, forced, logits), config)
        prepared.run(range(config.programs(len(slots), self.network)))
        return prepared.drawn

    def prepare(self, launch: Launch, config: KernelConfig) -> Prepared:
        """A launch as `advance` makes it, before it is made."""
        return config.prepare(self._workspace, launch)
