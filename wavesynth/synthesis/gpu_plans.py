"""Which plan a GPU's launches are made by: of those that can serve so many streams, the one that is fastest there.

What is fastest depends on the GPU, its clock and the network, and is found out at the start, by the clock.
"""

from __future__ import annotations

import logging
import math
import time

import torch
from triton.runtime.errors import OutOfResources

from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.network import Network
from wavesynth.kernels.triton.plans import Plan, Ring, ways
from wavesynth.kernels.triton.streams import Streams

__all__ = ["Planner"]

_log = logging.getLogger(__name__)
#: Samples of a launch that is timed, and how often it is.
_SAMPLES, _LAUNCHES = 80, 4


class Planner:
    """Plans for up to `places` streams of a network, on a GPU of so many multiprocessors and such a capability."""

    def __init__(self, network: Network, places: int, processors: int, capability: int) -> None:
        self._network, self._places = network, places
        self._processors, self._capability = processors, capability
        self._seconds: dict[Plan, float] = {}
        ring = Ring()
        alone = ring.fits(network) and ring.programs(places, network) <= processors
        self._ring = ring if alone else None

    def plan(self, streams: int) -> Plan | Ring:
        """How so many streams are launched.

        By a ring, whose samples are its own, either always or never: a stream must not depend on how many there are.
        All other plans give the same bytes.
        """
        if self._ring is not None:
            return self._ring
        return min(self._ways(streams), key=lambda plan: self._seconds.get(plan, math.inf))

    def loads(self) -> list[int]:
        """Numbers of streams that call for every plan there is, the most first."""
        return [self._places, *(2**i for i in reversed(range(self._places.bit_length())))]

    def time(self, launcher: Launcher, streams: Streams) -> None:
        """Times the plans where there is more than one for a load, on slots that nobody has yet."""
        for load in [] if self._ring else self.loads():
            able = self._ways(load)
            if len(able) == 1 or self._seconds.keys() & set(able):
                continue
            for plan in able:
                try:
                    times = [self._run(launcher, streams, plan, load) for _ in range(_LAUNCHES)]
                    self._seconds[plan] = min(times)
                except (OutOfResources, RuntimeError) as error:
                    # Too large for this GPU, or two of them on a multiprocessor are.
                    _log.info("plan %s is none for this GPU: %s", plan.name, error)

    def _ways(self, streams: int) -> tuple[Plan, ...]:
        return ways(self._network, streams, self._processors, self._capability)

    def _run(self, launcher: Launcher, streams: Streams, plan: Plan, load: int) -> float:
        """Seconds of a launch; the first one compiles."""
        device, network = streams.queues.device, self._network
        slots = torch.arange(load, dtype=torch.int32, device=device)
        shape = (load, 2, network.layers, 2 * network.residual_channels)
        frames = torch.zeros(shape, dtype=torch.float16, device=device)
        _wait(device)
        began = time.perf_counter()
        launcher.advance(streams, frames, slots, min(_SAMPLES, network.hop), plan=plan)
        _wait(device)
        return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
