"""The definition of sampling, in plain PyTorch: a pure function on explicit state.

    tokens, state = sample(weights, state, conditioning, params, n)

Each step computes the logits of one sample from all samples before it, draws its class, and feeds it back.
`sample` remembers what each layer will need again (Le Paine et al., "Fast Wavenet Generation Algorithm",
2016); `sample_naive` remembers nothing but the classes, and recomputes the receptive field for each sample.
They give the same classes, and so must every backend given the same weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.sampling.draw import draw, inverse_temperature
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.state import State
from wavesynth.sampling.weights import Weights, check

__all__ = [
    "SamplingParams",
    "logits_naive",
    "parallel_activations",
    "sample",
    "sample_naive",
    "step",
]


def sample(
    weights: Weights, state: State, conditioning: Tensor, params: SamplingParams, n: int
) -> tuple[Tensor, State]:
    """Draws the stream's next `n` samples.

    `conditioning` [F, L, 2R] float32 begins with the frame that sample `state.index` falls into. Returns the
    classes, int64 [n], and the state after them; the given state is not changed.

    Raises ValueError when `conditioning` has the wrong shape or too few frames.
    """
    check(weights, state, conditioning, n)
    state = state.copy()
    inverse = inverse_temperature(params.temperature)
    first_frame = state.index // weights.hop
    tokens = []
    for _ in range(n):
        logits = step(weights, state, conditioning[state.index // weights.hop - first_frame])
        state.token = draw(logits, params.seed, state.index, inverse)
        state.index += 1
        tokens.append(state.token)
    return torch.tensor(tokens), state


@torch.no_grad()
def step(weights: Weights, state: State, conditioning: Tensor) -> Tensor:
    """Logits [A] of the next sample, given its frame's `conditioning` [L, 2R]; the queues move on in place."""
    arithmetic, queues = weights.arithmetic, torch.from_numpy(state.queues)
    before = x = arithmetic.embed(torch.tensor(state.token))
    activations = []
    top = 0
    for index, dilation in enumerate(weights.dilations):
        slot = top + state.index % dilation
        past, entry = queues[slot].clone(), arithmetic.enter(index, x)
        queues[slot] = entry
        onto, before = before if weights.reversible else x, x
        x, z = arithmetic.layer(index, past, entry, onto, conditioning[index])
        activations.append(z)
        top += dilation
    return arithmetic.head(torch.cat(activations))


def sample_naive(weights: Weights, conditioning: Tensor, params: SamplingParams, n: int) -> Tensor:
    """The first `n` classes of a stream, int64 [n], from the receptive field alone."""
    check(weights, weights.start(), conditioning, n)
    inverse = inverse_temperature(params.temperature)
    tokens = [weights.start_token]
    for index in range(n):
        tokens.append(
            draw(logits_naive(weights, torch.tensor(tokens), conditioning), params.seed, index, inverse)
        )
    return torch.tensor(tokens[1:])


@torch.no_grad()
def logits_naive(weights: Weights, tokens: Tensor, conditioning: Tensor) -> Tensor:
    """Logits [A] of the sample after `tokens` [t + 1] (the start token first), from the receptive field alone.

    Positions before the window hold zeros: true before the first sample, and without consequence elsewhere,
    since the last position does not see so far.
    """
    receptive_field = 1 + sum(weights.dilations)
    position = torch.arange(len(tokens))[-receptive_field:]  # [T]
    activations = parallel_activations(weights, tokens[position], conditioning, position // weights.hop)
    return weights.arithmetic.head(torch.cat(activations, -1)[-1])


def parallel_activations(
    weights: Weights, tokens: Tensor, conditioning: Tensor, frame: Tensor
) -> list[Tensor]:
    """The gated activations of every layer at all positions at once, [T, R] each, with zeros before the first position.

    `tokens` [T] are the samples one step late, `frame` [T] the numbers of their frames in `conditioning` [F, L, 2R].
    """
    arithmetic = weights.arithmetic
    before = x = arithmetic.embed(tokens)
    activations = []
    _, zero = weights.entry
    for index, dilation in enumerate(weights.dilations):
        entry = arithmetic.enter(index, x)
        past = F.pad(entry, (0, 0, dilation, 0), value=zero)[: len(entry)]
        onto, before = before if weights.reversible else x, x
        x, z = arithmetic.layer(index, past, entry, onto, conditioning[frame, index])
        activations.append(z)
    return activations
