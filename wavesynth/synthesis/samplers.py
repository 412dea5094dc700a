"""The backends, by name: each advances many streams of one voice by the sampling function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from wavesynth.audio.rows import Rows
from wavesynth.synthesis import reference
from wavesynth.synthesis.draw import choose, inverse_temperature
from wavesynth.synthesis.host import HostSampler
from wavesynth.synthesis.philox import philox
from wavesynth.synthesis.reference import Key
from wavesynth.synthesis.state import State
from wavesynth.synthesis.voice import Voice

__all__ = ["BACKENDS", "BatchSampler", "Pending", "Sampler", "make_sampler"]

BACKENDS = ("cpu", "triton", "reference", "float32")


class Pending(Protocol):
    """Classes that are being made elsewhere."""

    def __call__(self) -> np.ndarray:
        """Waits for them: int32 [B, n]."""

    def ready(self) -> bool:
        """Whether there is nothing to wait for any more."""


class Sampler(Protocol):
    """What the engine asks of a backend. What its states are besides `index` is the backend's own."""

    @property
    def conditions(self) -> bool:
        """Whether it takes `Windows` for conditioning, and makes the frames of many streams at once."""

    @property
    def rows(self) -> Rows:
        """How it has the features and filters of many streams computed."""

    @property
    def device(self) -> str:
        """Where it samples: a GPU's name, or the processor's instruction set."""

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""

    @property
    def places(self) -> int | None:
        """How many streams there is memory for; None if that is not known."""

    def start(self) -> Any:
        """The state of a stream before its first sample."""

    def launch(
        self, states: Sequence[Any], conditioning: Sequence[Any], keys: Sequence[Key], n: int
    ) -> Pending | np.ndarray:
        """The next `n` classes of every stream, int32 [B, n], or what waits for them; the states move on at once."""

    def advance(
        self, states: Sequence[Any], conditioning: Sequence[Any], keys: Sequence[Key], n: int
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""


class BatchSampler(HostSampler):
    """The definition for many streams at once: slow. In `Int8Weights` it is what any device's results are held against,
    in `Float32Weights` what 8 bits are."""

    @torch.no_grad()
    def advance(
        self, states: Sequence[State], conditioning: Sequence[Tensor], keys: Sequence[Key], n: int
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""
        weights, hop = self.weights, self.weights.hop
        for state, frames in zip(states, conditioning, strict=True):
            reference.check(weights, state, frames, n)
        queues = torch.from_numpy(np.stack([state.queues for state in states]))  # [B, sum of dilations, R]
        dilations = torch.tensor(weights.dilations)
        tops, stream = dilations.cumsum(0) - dilations, torch.arange(len(states))
        inverse = torch.tensor([inverse_temperature(key.temperature) for key in keys])[:, None]
        firsts = [state.index // hop for state in states]
        tokens = np.empty((len(states), n), np.int32)
        for number in range(n):
            index = torch.tensor([state.index for state in states])
            slots = tops + index[:, None] % dilations  # [B, L]
            frames_now = torch.stack(
                [c[s.index // hop - first] for c, s, first in zip(conditioning, states, firsts, strict=True)]
            )
            x, activations = weights.embed(torch.tensor([state.token for state in states])), []
            for layer in range(weights.layers):
                at = stream, slots[:, layer]
                past, entry = queues[at], weights.enter(layer, x)
                queues[at] = entry
                x, z = weights.layer(layer, past, entry, x, frames_now[:, layer])
                activations.append(z)
            words = torch.tensor([philox(k.seed, s.index) for k, s in zip(keys, states, strict=True)])
            drawn = choose(weights.head(torch.cat(activations, -1)), words, inverse)
            tokens[:, number] = drawn
            for state, token in zip(states, drawn.tolist(), strict=True):
                state.token, state.index = token, state.index + 1
        for state, its in zip(states, queues.numpy(), strict=True):
            state.queues[:] = its
        return tokens


def make_sampler(
    voice: Voice,
    backend: str = "cpu",
    threads: int = 1,
    places: int | None = None,
    together: int | None = None,
) -> Sampler:
    """The sampler `backend` for `voice`: on `threads` cores, or on the GPU, with memory for `places` streams, of which
    no more than `together` are ever advanced at once.

    Raises ValueError, in a sentence, for an unknown backend, and for one that this machine or voice cannot have.
    """
    if backend == "cpu":
        from wavesynth.synthesis.cpu import CpuSampler

        return CpuSampler(voice.int8(), threads=threads)
    if backend == "triton":
        try:
            from wavesynth.synthesis.gpu import TritonSampler
        except ImportError as error:
            raise ValueError(
                f"backend triton needs the Python package triton ({error}); use --backend cpu"
            ) from error
        return TritonSampler(voice.model, voice.gains, places, voice.fine, together)
    if backend == "reference":
        return BatchSampler(voice.int8())
    if backend == "float32":
        return BatchSampler(voice.float32())
    raise ValueError(f"backend is {backend!r}; it must be one of {', '.join(BACKENDS)}")
