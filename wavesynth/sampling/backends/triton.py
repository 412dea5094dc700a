"""The sampler for NVIDIA GPUs: `kernels/triton` behind the sampling function.

Weights and activations have half precision there, so that its samples are not the `cpu` backend's, bit for bit, but
those of `kernels/triton/reference.py`; the random numbers and the draw are the same. Streams live in slots on the
GPU and move to and from the `cpu` backend's states.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from triton.runtime.errors import OutOfResources

from wavesynth.audio.fixed_batch import FixedBatch, to_device
from wavesynth.kernels.triton.kernel_config import KernelConfig
from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.network import PackedNetwork, pack
from wavesynth.kernels.triton.selection import TILED, choose
from wavesynth.kernels.triton.streams import Streams
from wavesynth.models.wavenet import WaveNet
from wavesynth.sampling.backends.triton_conditioning import DeviceConditioning
from wavesynth.sampling.backends.triton_device import (
    SLOTS_PER_STREAM,
    DeviceGuard,
    PendingDraws,
    find_device,
    fitting_streams,
    out_of_memory,
)
from wavesynth.sampling.draw import inverse_temperature
from wavesynth.sampling.int8 import Scales
from wavesynth.sampling.int8_arithmetic import entries, values
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.state import State
from wavesynth.sampling.windows import Windows

__all__ = ["DeviceState", "TritonSampler", "network_of"]

#: Streams whose features and corrections are computed at once (wavesynth.audio.executor).
_FIXED_BATCH = 256
#: The same in Triton's interpreter.
_INTERPRETED_BATCH = 4


@dataclass(eq=False)
class DeviceState:
    """A stream on the GPU: its slot, which is free again when this object is gone."""

    slot: int
    index: int = 0
    params: SamplingParams | None = None


class TritonSampler:
    """Samples on a GPU, or in Triton's interpreter where TRITON_INTERPRET=1; for one thread, but for `executor`.

    `max_streams` is how many streams there is memory for, `max_batch` how many a launch has at most, if fewer. Raises
    ValueError, with the way out, if there is no GPU, if the kernel has no such network, or if the streams do not fit.
    """

    #: It makes conditioning frames from windows of mel itself, many at once.
    takes_windows = elsewhere = True

    def __init__(
        self,
        model: WaveNet,
        scales: Scales,
        max_streams: int | None = None,
        activation_bits: int = 8,
        max_batch: int | None = None,
    ) -> None:
        self._device = find_device()
        self._model, self._scales, self._activation_bits = model, scales, activation_bits
        network = network_of(model)
        self.max_streams = fitting_streams(network, self._device, max_streams)
        self._max_batch = min(max_batch or self.max_streams, self.max_streams)
        slots = SLOTS_PER_STREAM * self.max_streams
        try:
            self.network = network.to(self._device)
            self.streams = Streams.empty(self.network, slots)
        except torch.OutOfMemoryError as error:  # somebody else was quicker
            raise out_of_memory(network, self._device, self.max_streams) from error
        self.launcher = Launcher(self.network)
        self.conditioning = DeviceConditioning(model, self.network)
        self._free = list(reversed(range(slots)))
        self._lock = threading.Lock()  # a state may be dropped on any thread
        on_gpu = self._device.type == "cuda"
        self._executor = FixedBatch(self._device, _FIXED_BATCH if on_gpu else _INTERPRETED_BATCH)
        self._processors = self._capability = 0
        if on_gpu:
            gpu = torch.cuda.get_device_properties(self._device)
            self._processors, self._capability = gpu.multi_processor_count, 10 * gpu.major + gpu.minor
            self.compile_kernels()

    @property
    def device(self) -> str:
        """The GPU's name."""
        return torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else "interpreter"

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""
        return self.network.bytes_per_stream

    def start(self) -> DeviceState:
        """A stream before its first sample. Raises RuntimeError when there are `max_streams` already."""
        with self._lock:
            if not self._free:
                raise RuntimeError(f"all {self.max_streams} places for streams on the GPU are taken")
            state = DeviceState(self._free.pop())
        weakref.finalize(state, self._release, state.slot)
        return state

    def launch(
        self,
        states: Sequence[DeviceState],
        conditioning: Sequence[Tensor | Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> PendingDraws:
        """Begins the next `n` samples of every stream; the result waits for them, int32 [B, n].

        The states move on at once. Raises LostError when the GPU can do nothing any more, RuntimeError when this
        launch failed; so does the result.
        """
        with DeviceGuard(self._device):
            self._begin(states, params)
            slots = torch.tensor([state.slot for state in states], dtype=torch.int32)
            drawn = self.launcher.advance(
                self.streams,
                self.conditioning.frames(conditioning),
                to_device(slots, self._device),
                n,
                config=self.kernel_config(len(states)),
            )
            pending = self._copy(drawn)
        for state in states:
            state.index += n
        return pending

    def advance(
        self,
        states: Sequence[DeviceState],
        conditioning: Sequence[Tensor | Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.int32]:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""
        return self.launch(states, conditioning, params, n)()

    def executor(self, function: Callable[..., Tensor], *inputs: Tensor, **constants: Any) -> Tensor:
        """`function` of inputs [B, ...], on the GPU beside the samples (wavesynth.audio.executor); for any thread.

        Raises LostError and RuntimeError as `launch` does.
        """
        with DeviceGuard(self._device):
            return self._executor(function, *inputs, **constants)

    def compile_kernels(self) -> None:
        """Compiles what will be launched, so that no stream has to wait for that. Raises ValueError if it cannot be."""
        try:
            self._launch_all()
        except OutOfResources as error:
            raise ValueError(
                f"a voice of {self.network.layers} layers, {self.network.residual_channels} residual and "
                f"{self.network.skip_channels} skip channels is too large for {self.device}: it needs "
                f"{error.required} of {error.name}, and there are {error.limit}; use --backend cpu"
            ) from error
        except torch.OutOfMemoryError as error:
            raise out_of_memory(self.network, self._device, self.max_streams) from error

    def _launch_all(self) -> None:
        loads = [self.max_streams, *(2**i for i in range(self.max_streams.bit_length()))]
        nobody = torch.tensor([-1], dtype=torch.int32, device=self._device)
        shape = (1, 1, self.network.layers, 2 * self.network.residual_channels)
        nothing = torch.zeros(shape, dtype=torch.float16, device=self._device)
        for config in {self.kernel_config(streams) for streams in loads}:
            self.launcher.advance(self.streams, nothing, nobody, 1, config=config)
        self.conditioning.warm_up()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def kernel_config(self, streams: int) -> KernelConfig:
        """The variant of the kernel for so many streams."""
        if not self._processors:  # in the interpreter, programs that wait for one another would wait for ever
            return TILED[0]
        return choose(self.network, streams, self._max_batch, self._processors, self._capability)

    def save(self, state: DeviceState) -> State:
        """The stream as a state of the `cpu` backend, rounded as that remembers it."""
        token, x = int(self.streams.tokens[state.slot]), self.streams.queues[state.slot].float()
        rows = self.network.layer_of_row()
        inverse_scale = torch.from_numpy(self._scales.input).to(self._device)[rows]
        saved = entries(x + self.network.offset[rows], inverse_scale, self._activation_bits)
        return State(saved.cpu().numpy(), token, state.index)

    def load(self, saved: State, params: SamplingParams) -> DeviceState:
        """A stream that goes on where the `cpu` backend's state stands. Raises RuntimeError as `start` does."""
        state = self.start()
        self._begin([state], [params])
        rows = self.network.layer_of_row()
        queues = torch.from_numpy(saved.queues).to(self._device)
        inverse_scale = torch.from_numpy(self._scales.input).to(self._device)[rows]
        x = values(queues, inverse_scale, self._activation_bits) - self.network.offset[rows]
        self.streams.queues[state.slot] = x.half()
        self.streams.tokens[state.slot] = saved.token
        self.streams.indices[state.slot] = state.index = saved.index
        return state

    def _begin(self, states: Sequence[DeviceState], params: Sequence[SamplingParams]) -> None:
        """Begins the streams that are new, and takes over the parameters that changed since the last step."""
        new = [state.params is None for state in states]
        changed = [
            i for i, (state, now) in enumerate(zip(states, params, strict=True)) if state.params != now
        ]
        if not changed:
            return
        slots = torch.tensor([states[i].slot for i in changed])
        # A seed has 64 bits; PyTorch's have a sign.
        seeds = torch.from_numpy(np.array([params[i].seed for i in changed], np.uint64).view(np.int64))
        inverses = torch.tensor([inverse_temperature(params[i].temperature) for i in changed])
        fresh = torch.tensor([states[i].slot for i in changed if new[i]], dtype=torch.long)
        on_device = [to_device(tensor, self._device) for tensor in (slots, seeds, inverses, fresh)]
        self.streams.rekey(*on_device[:3])
        if len(fresh):
            self.streams.start(self.network, on_device[3])
        for i in changed:
            states[i].params = params[i]

    def _copy(self, drawn: Tensor) -> PendingDraws:
        """`drawn` on its way to the host."""
        event = None
        if drawn.device.type == "cuda":
            host = torch.empty(drawn.shape, dtype=drawn.dtype, pin_memory=True)
            drawn, event = host.copy_(drawn, non_blocking=True), torch.cuda.Event()
            event.record()
        return PendingDraws(drawn, event, self.network.classes, DeviceGuard(self._device))

    def _release(self, slot: int) -> None:
        with self._lock:
            self._free.append(slot)


def network_of(model: WaveNet) -> PackedNetwork:
    """The network's weights for the kernel. Raises ValueError when it is none that the kernel has."""
    c = model.config
    with torch.no_grad():
        return pack(
            c.dilations, c.hop, embedding=model.embedding.weight, dilated=model.dilated, residual=model.residual,
            residual_bias=model.residual_bias, skip=model.skip.weight, skip_bias=model.skip.bias,
            hidden=model.hidden.weight, hidden_bias=model.hidden.bias,
            output=model.output.weight, output_bias=model.output.bias, reversible=c.reversible,
        )  # fmt: skip
