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

from wavesynth.audio.executor import FixedBatch, to_device
from wavesynth.kernels.triton.condition import Conditioner, pack_conditioner
from wavesynth.kernels.triton.launch import Launcher, interpreting
from wavesynth.kernels.triton.network import Network, pack
from wavesynth.kernels.triton.plans import TILES, Belt, Plan, Ring, choose
from wavesynth.kernels.triton.streams import Streams
from wavesynth.models.wavenet import WaveNet
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.sampling.draw import inverse_temperature
from wavesynth.sampling.int8 import Scales, entries, values
from wavesynth.sampling.reference import SamplingParams
from wavesynth.sampling.state import State
from wavesynth.sampling.windows import Windows

__all__ = ["DeviceState", "TritonSampler", "find_device", "network_of"]

#: Streams that there is memory for when nobody says how many; and in the interpreter.
_MAX_STREAMS, _INTERPRETED = 10_000, 64
#: Part of the GPU's free memory that one voice's streams may take when nobody says how many they are.
_SHARE = 0.4
#: And when somebody does.
_MOST = 0.9
#: Streams of a batch of what is computed beside the samples (wavesynth.audio.executor).
_BATCH = 256
#: Slots for each stream that there is memory for.
_SLOTS = 2


@dataclass(eq=False)
class DeviceState:
    """A stream on the GPU: its slot, which is free again when this object is gone."""

    slot: int
    index: int = 0
    key: SamplingParams | None = None


class TritonSampler:
    """Samples on a GPU, or in Triton's interpreter where TRITON_INTERPRET=1; for one thread, but for `executor`.

    `max_streams` is how many streams there is memory for, `max_batch` how many a launch has at most, if fewer. Raises
    ValueError, with the way out, if there is no GPU, if the kernel has no such network, or if the streams do not fit.
    """

    #: It makes conditioning frames from windows of mel itself, many at once.
    takes_windows = True

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
        self.max_streams = _fitting(network, self._device, max_streams)
        self._max_batch = min(max_batch or self.max_streams, self.max_streams)
        # A stream that was given up in the middle of a launch holds its slot to the launch's end: room for all of them.
        slots = _SLOTS * self.max_streams
        try:
            self.network = network.to(self._device)
            self.streams = Streams.empty(self.network, slots)
        except torch.OutOfMemoryError as error:  # somebody else was quicker
            raise _too_many(network, self._device, self.max_streams) from error
        self._launcher = Launcher(self.network)
        mel = model.config.mel_bands
        self._conditioner = conditioner_of(model, self.network) if mel else None
        self._still = None if mel else self._same_in_every_frame()
        self._free = list(reversed(range(slots)))
        self._lock = threading.Lock()  # a state may be dropped on any thread
        self._executor = FixedBatch(self._device, _BATCH if self._device.type == "cuda" else 4)
        self._processors = self._capability = 0
        if self._device.type == "cuda":
            gpu = torch.cuda.get_device_properties(self._device)
            self._processors, self._capability = gpu.multi_processor_count, 10 * gpu.major + gpu.minor
            self._compile()

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
        keys: Sequence[SamplingParams],
        n: int,
    ) -> _Drawn:
        """Begins the next `n` samples of every stream; the result waits for them, int32 [B, n].

        The states move on at once. Raises LostError when the GPU can do nothing any more, RuntimeError when this
        launch failed; so does the result.
        """
        with self._guarded():
            self._begin(states, keys)
            slots = torch.tensor([state.slot for state in states], dtype=torch.int32)
            drawn = self._launcher.advance(
                self.streams,
                self._frames(conditioning),
                to_device(slots, self._device),
                n,
                plan=self.plan(len(states)),
            )
            made = self._copy(drawn)
        for state in states:
            state.index += n
        return made

    def advance(
        self,
        states: Sequence[DeviceState],
        conditioning: Sequence[Tensor | Windows],
        keys: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.int32]:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""
        return self.launch(states, conditioning, keys, n)()

    def executor(self, function: Callable[..., Tensor], *inputs: Tensor, **constants: Any) -> Tensor:
        """`function` of inputs [B, ...], on the GPU beside the samples (wavesynth.audio.executor); for any thread.

        Raises LostError and RuntimeError as `launch` does.
        """
        with self._guarded():
            return self._executor(function, *inputs, **constants)

    def _compile(self) -> None:
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
            raise _too_many(self.network, self._device, self.max_streams) from error

    def _launch_all(self) -> None:
        loads = [self.max_streams, *(2**i for i in range(self.max_streams.bit_length()))]
        nobody = torch.tensor([-1], dtype=torch.int32, device=self._device)
        shape = (1, 1, self.network.layers, 2 * self.network.residual_channels)
        nothing = torch.zeros(shape, dtype=torch.float16, device=self._device)
        for plan in {self.plan(streams) for streams in loads}:
            self._launcher.advance(self.streams, nothing, nobody, 1, plan=plan)
        if self._conditioner is not None:
            config = self._model.config
            window = torch.zeros(1, 1 + 2 * config.mel_context, config.mel_bands, device=self._device)
            self._conditioner(window, torch.zeros(1, dtype=torch.int32, device=self._device))
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def plan(self, streams: int) -> Plan | Belt | Ring:
        """How so many streams are launched."""
        if not self._processors:  # in the interpreter, programs that wait for one another would wait for ever
            return TILES[0]
        return choose(self.network, streams, self._max_batch, self._processors, self._capability)

    def save(self, state: DeviceState) -> State:
        """The stream as a state of the `cpu` backend, rounded as that remembers it."""
        token, x = int(self.streams.tokens[state.slot]), self.streams.queues[state.slot].float()
        rows = self.network.layer_of_row()
        inverse_scale = self._scales.input.to(self._device)[rows]
        saved = entries(x + self.network.offset[rows], inverse_scale, self._activation_bits)
        return State(saved.cpu().numpy(), token, state.index)

    def load(self, saved: State, key: SamplingParams) -> DeviceState:
        """A stream that goes on where the `cpu` backend's state stands. Raises RuntimeError as `start` does."""
        state = self.start()
        self._begin([state], [key])
        rows = self.network.layer_of_row()
        queues = torch.from_numpy(saved.queues).to(self._device)
        inverse_scale = self._scales.input.to(self._device)[rows]
        x = values(queues, inverse_scale, self._activation_bits) - self.network.offset[rows]
        self.streams.queues[state.slot] = x.half()
        self.streams.tokens[state.slot] = saved.token
        self.streams.indices[state.slot] = state.index = saved.index
        return state

    def _begin(self, states: Sequence[DeviceState], keys: Sequence[SamplingParams]) -> None:
        """Begins the streams that are new, and takes over keys that are others than last time."""
        new = [state.key is None for state in states]
        changed = [i for i, (state, key) in enumerate(zip(states, keys, strict=True)) if state.key != key]
        if not changed:
            return
        slots = torch.tensor([states[i].slot for i in changed])
        # A seed has 64 bits; PyTorch's have a sign.
        seeds = torch.from_numpy(np.array([keys[i].seed for i in changed], np.uint64).view(np.int64))
        inverses = torch.tensor([inverse_temperature(keys[i].temperature) for i in changed])
        fresh = torch.tensor([states[i].slot for i in changed if new[i]], dtype=torch.long)
        on_device = [to_device(tensor, self._device) for tensor in (slots, seeds, inverses, fresh)]
        self.streams.rekey(*on_device[:3])
        if len(fresh):
            self.streams.start(self.network, on_device[3])
        for i in changed:
            states[i].key = keys[i]

    def _frames(self, conditioning: Sequence[Tensor | Windows]) -> Tensor:
        """[C, F, L, 2R] float16 on the device; streams with fewer frames than others have zeros behind them."""
        lengths = [len(c) for c in conditioning]
        most = max(lengths)
        shape = (self.network.layers, 2 * self.network.residual_channels)
        windows = [c for c in conditioning if isinstance(c, Windows)]
        if windows and len(windows) < len(lengths):
            raise TypeError("conditioning is part frames, part windows; it must be one of them")
        if windows and self._still is not None:
            speakers = to_device(torch.tensor([w.speaker or 0 for w in windows]), self._device)
            return self._still[speakers][:, None].expand(-1, most, -1, -1).contiguous()
        counts = torch.tensor(lengths)
        if windows:
            assert self._conditioner is not None
            mel = to_device(torch.cat([w.mel for w in windows]), self._device)
            speakers = torch.repeat_interleave(
                torch.tensor([w.speaker or 0 for w in windows], dtype=torch.int32), counts
            )
            made = self._conditioner(mel, to_device(speakers, self._device)).unflatten(1, shape)
        else:
            made = self.network.conditioning(to_device(torch.cat(list(conditioning)), self._device))  # type: ignore[arg-type]
        if (counts == most).all():
            return made.view(len(counts), most, *shape)
        frames = torch.zeros(len(counts), most, *shape, dtype=torch.float16, device=self._device)
        places = (torch.arange(most) < counts[:, None]).flatten().nonzero()[:, 0]
        frames.view(-1, *shape).index_copy_(0, to_device(places, self._device), made)
        return frames

    def _same_in_every_frame(self) -> Tensor:
        """The conditioning of each speaker, or of nobody, of a network that hears nothing: [speakers or 1, L, 2R]."""
        speakers = self._model.config.speakers
        with torch.inference_mode():
            frames = self._model.conditioning(speaker=torch.arange(speakers) if speakers else None)[:, 0]
        return self.network.conditioning(frames.to(self._device))

    def _copy(self, drawn: Tensor) -> _Drawn:
        """`drawn` on its way to the host."""
        event = None
        if drawn.device.type == "cuda":
            host = torch.empty(drawn.shape, dtype=drawn.dtype, pin_memory=True)
            drawn, event = host.copy_(drawn, non_blocking=True), torch.cuda.Event()
            event.record()
        return _Drawn(drawn, event, self.network.classes, self._guarded())

    def _guarded(self) -> _Guard:
        return _Guard(self._device)

    def _release(self, slot: int) -> None:
        with self._lock:
            self._free.append(slot)


class _Guard:
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
class _Drawn:
    """Classes on their way from the GPU: see `samplers.Pending`."""

    host: Tensor
    event: torch.cuda.Event | None
    """What says that they are there; None if they are."""
    classes: int
    guard: _Guard

    def ready(self) -> bool:
        return self.event is None or self.event.query()

    def __call__(self) -> NDArray[np.int32]:
        with self.guard:
            if self.event is not None:
                self.event.synchronize()
        drawn: NDArray[np.int32] = self.host.numpy()
        if (drawn < 0).any() or (drawn >= self.classes).any():
            raise RuntimeError(
                "the GPU gave samples that are no classes: logits that are not finite, or none at all"
            )
        return drawn


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


def network_of(model: WaveNet) -> Network:
    """The network's weights for the kernel. Raises ValueError when it is none that the kernel has."""
    c = model.config
    with torch.no_grad():
        return pack(
            c.dilations, c.hop, embedding=model.embedding.weight, dilated=model.dilated, residual=model.residual,
            residual_bias=model.residual_bias, skip=model.skip.weight, skip_bias=model.skip.bias,
            hidden=model.hidden.weight, hidden_bias=model.hidden.bias,
            output=model.output.weight, output_bias=model.output.bias,
        )  # fmt: skip


def conditioner_of(model: WaveNet, network: Network) -> Conditioner:
    """The conditioning network's weights for the kernel."""
    with torch.no_grad():
        return pack_conditioner(
            network, hidden=model.mel_hidden.weight, hidden_bias=model.mel_hidden.bias,
            smooth=model.mel_smooth.weight, smooth_bias=model.mel_smooth.bias,
            output=model.mel_output.weight, bias=model.bias,
            speakers=model.speaker.weight if model.config.speakers else None,
        )  # fmt: skip


def _fitting(network: Network, device: torch.device, max_streams: int | None) -> int:
    """How many streams there is memory for: `max_streams`, or ValueError; or as many as are likely to be needed."""
    if device.type != "cuda":
        return max_streams or _INTERPRETED
    if max_streams is None:
        return max(1, min(_MAX_STREAMS, _room(network, device, _SHARE)))
    if max_streams > _room(network, device, _MOST):
        raise _too_many(network, device, max_streams)
    return max_streams


def _room(network: Network, device: torch.device, share: float) -> int:
    """How many streams fit in this share of the memory that is free now."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * share) // (_SLOTS * network.bytes_per_stream)


def _too_many(network: Network, device: torch.device, max_streams: int) -> ValueError:
    free, _ = torch.cuda.mem_get_info(device)
    needed = max_streams * _SLOTS * network.bytes_per_stream
    return ValueError(
        f"{max_streams} streams of this voice need {needed / 1e9:.1f} GB of the GPU's memory, of which "
        f"{free / 1e9:.1f} GB are free; at most {_room(network, device, _MOST)} would fit: ask for fewer with "
        "--live-streams"
    )
