"""Which variant of the kernel is launched: by the shape of the network, the GPU and the number of streams."""

from __future__ import annotations

from wavesynth.kernels.triton.kernel_config import KernelConfig
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.kernels.triton.persistent import Persistent
from wavesynth.kernels.triton.tiled import Tiled
from wavesynth.kernels.triton.warp_specialized import WarpSpecialized

__all__ = ["TILED", "WARP_SPECIALIZED", "choose", "tiled_configs"]

#: From the smallest tile to the largest: on any GPU that Triton knows.
TILED = (
    Tiled(tile=8, warps=4),
    Tiled(tile=16, warps=4, registers=168),
    Tiled(tile=32, warps=8),
    Tiled(tile=64, warps=8),
)
#: For GPUs whose products take their factors from registers (8.x): those that spill least.
_AMPERE = tuple(Tiled(tile=tile, warps=8, rows=128, head_stages=1) for tile in (8, 16, 32, 64))
#: For GPUs whose products have their sums in a memory of their own (10.x): those that spill least.
_BLACKWELL = (
    TILED[0],
    Tiled(tile=16, warps=8),
    Tiled(tile=32, warps=8, rows=128),
    Tiled(tile=64, warps=8, rows=64, stages=2, head_stages=1),
)
#: On a GPU of compute capability 9.x, for networks that they fit: what was fastest on an H100.
WARP_SPECIALIZED = (
    WarpSpecialized(tile=8, warps=4, wide_stages=3),
    WarpSpecialized(tile=16, warps=4, wide_stages=3),
    WarpSpecialized(tile=32, warps=8),
)
#: Head CTAs of the persistent variant, the most that there is room for: the more, the faster.
_HEAD_CTAS = (16, 8, 4)


def tiled_configs(capability: int) -> tuple[Tiled, ...]:
    """The tiled variants for a compute capability such as 90, 9.0, from the smallest tile to the largest."""
    return _AMPERE if capability < 90 else TILED if capability < 100 else _BLACKWELL


def choose(
    network: PackedNetwork, streams: int, max_batch: int, processors: int, capability: int = 90
) -> KernelConfig:
    """The variant for `streams` of at most `max_batch`, on a GPU of so many multiprocessors and such a capability.

    `Persistent`, whose samples are its own, is for either all numbers of streams or none: what a stream's samples are
    must not depend on how many there are. Else it is the smallest tile of which all are on the GPU at once.
    """
    for head_ctas in _HEAD_CTAS:
        persistent = Persistent(head_ctas=head_ctas)
        if persistent.fits(network) and persistent.programs(max_batch, network) <= processors:
            return persistent
    configs: tuple[Tiled | WarpSpecialized, ...] = tiled_configs(capability)
    if 90 <= capability < 100 and WARP_SPECIALIZED[0].fits(network):
        configs = WARP_SPECIALIZED
    return next((c for c in configs if c.programs(streams, network) <= processors), configs[-1])
