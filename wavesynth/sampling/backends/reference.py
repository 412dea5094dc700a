"""The definition for many streams at once: what any device's results are held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.sampling.backends.host import HostSampler
from wavesynth.sampling.draw import choose, inverse_temperature
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import philox
from wavesynth.sampling.state import State
from wavesynth.sampling.weights import check

__all__ = ["BatchSampler"]


class BatchSampler(HostSampler):
    """The definition for many streams at once: slow. In `Int8Weights` it is what any device's results are held against,
    in `Float32Weights` what 8 bits are."""

    @torch.no_grad()
    def advance(
        self,
        states: Sequence[State],
        conditioning: Sequence[NDArray[np.float32] | Tensor],
        params: Sequence[SamplingParams],
        n: int,
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""
        weights, arithmetic, hop = self.weights, self.weights.arithmetic, self.weights.hop
        every = [torch.as_tensor(frames) for frames in conditioning]
        for state, frames in zip(states, every, strict=True):
            check(weights, state, frames, n)
        queues = torch.from_numpy(np.stack([state.queues for state in states]))  # [B, sum of dilations, R]
        dilations = torch.tensor(weights.dilations)
        tops, stream = dilations.cumsum(0) - dilations, torch.arange(len(states))
        inverse = torch.tensor([inverse_temperature(p.temperature) for p in params])[:, None]
        firsts = [state.index // hop for state in states]
        tokens = np.empty((len(states), n), np.int32)
        for number in range(n):
            index = torch.tensor([state.index for state in states])
            slots = tops + index[:, None] % dilations  # [B, L]
            frames_now = torch.stack(
                [c[s.index // hop - first] for c, s, first in zip(every, states, firsts, strict=True)]
            )
            before = x = arithmetic.embed(torch.tensor([state.token for state in states]))
            activations = []
            for layer in range(weights.layers):
                at = stream, slots[:, layer]
                past, entry = queues[at], arithmetic.enter(layer, x)
                queues[at] = entry
                onto, before = before if weights.reversible else x, x
                x, z = arithmetic.layer(layer, past, entry, onto, frames_now[:, layer])
                activations.append(z)
            words = torch.tensor([philox(p.seed, s.index) for p, s in zip(params, states, strict=True)])
            drawn = choose(arithmetic.head(torch.cat(activations, -1)), words, inverse)
            tokens[:, number] = drawn
            for state, token in zip(states, drawn.tolist(), strict=True):
                state.token, state.index = token, state.index + 1
        for state, its in zip(states, queues.numpy(), strict=True):
            state.queues[:] = its
        return tokens
