"""The Triton backend's GPU: whether there is one, how many streams fit, and whether it still answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.kernels.triton.kernel_config import interpreting
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.sampling.backends.sampler import LostError

__all__ = [
    "SLOTS_PER_STREAM",
    "DeviceGuard",
    "PendingDraws",
    "find_device",
    "fitting_streams",
    "out_of_memory",
]

#: Streams that there is memory for when nobody says how many.
_DEFAULT_STREAMS = 10_000
#: Streams that there is memory for in Triton's interpreter when nobody says how many.
_INTERPRETED_STREAMS = 64
#: Part of the GPU's free memory that one voice's streams may take when nobody says how many they are.
_DEFAULT_SHARE = 0.4
#: Part of the GPU's free memory that one voice's streams may take when somebody says how many they are.
_MAX_SHARE = 0.9
#: Slots for each stream: one that is given up in the middle of a launch holds its slot to the launch's end.
SLOTS_PER_STREAM = 2


def find_device() -> torch.device:
    """The GPU to sample on; the CPU in Triton's interpreter. Raises ValueError, with the way out, if there is none."""
    if interpreting():
        return torch.device("cpu")
    try:
        torch.cuda.init()
        major, minor = torch.cuda.get_device_capability()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"backend triton needs an NVIDIA GPU ({reason}); use --backend cpu") from error
    if major < 8:
        raise ValueError(
            f"backend triton needs a GPU of compute capability 8.0 or newer, and {torch.cuda.get_device_name()} "
            f"has {major}.{minor}; use --backend cpu"
        )
    return torch.device("cuda", torch.cuda.current_device())


class DeviceGuard:
    """Around what the GPU does: an error after which it answers nothing is a LostError."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, RuntimeError) or self._device.type != "cuda":
            return
        try:
            torch.ones(1, device=self._device).add_(1).cpu()
        except RuntimeError as gone:
            raise LostError(
                f"the GPU failed: {str(gone).splitlines()[0]}; start the service again"
            ) from error


@dataclass(frozen=True)
class PendingDraws:
    """Classes on their way from the GPU: see `sampler.PendingClasses`."""

    host: Tensor
    event: torch.cuda.Event | None
    """What says that they are there; None if they are."""
    classes: int
    guard: DeviceGuard

    def ready(self) -> bool:
        """Whether they are there."""
        return self.event is None or self.event.query()

    def __call__(self) -> NDArray[np.int32]:
        """Waits for them: [B, n]. Raises RuntimeError for samples that are no classes, and what the guard raises."""
        with self.guard:
            if self.event is not None:
                self.event.synchronize()
        drawn: NDArray[np.int32] = self.host.numpy()
        if (drawn < 0).any() or (drawn >= self.classes).any():
            raise RuntimeError(
                "the GPU gave samples that are no classes: logits that are not finite, or none at all"
            )
        return drawn


def fitting_streams(network: PackedNetwork, device: torch.device, max_streams: int | None) -> int:
    """How many streams there is memory for: `max_streams`, or ValueError; or as many as are likely to be needed."""
    if device.type != "cuda":
        return max_streams or _INTERPRETED_STREAMS
    if max_streams is None:
        return max(1, min(_DEFAULT_STREAMS, _room(network, device, _DEFAULT_SHARE)))
    if max_streams > _room(network, device, _MAX_SHARE):
        raise out_of_memory(network, device, max_streams)
    return max_streams


def _room(network: PackedNetwork, device: torch.device, share: float) -> int:
    """How many streams fit in this share of the memory that is free now."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * share) // (SLOTS_PER_STREAM * network.bytes_per_stream)


def out_of_memory(network: PackedNetwork, device: torch.device, max_streams: int) -> ValueError:
    """That so many streams need more memory than is free, and how many would fit."""
    free, _ = torch.cuda.mem_get_info(device)
    needed = max_streams * SLOTS_PER_STREAM * network.bytes_per_stream
    return ValueError(
        f"{max_streams} streams of this voice need {needed / 1e9:.1f} GB of the GPU's memory, of which "
        f"{free / 1e9:.1f} GB are free; at most {_room(network, device, _MAX_SHARE)} would fit: ask for fewer with "
        "--live-streams"
    )
