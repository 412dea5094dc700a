"""A voice's text network as it is used: what it predicts of an utterance, and the decoder's stream of frames."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from wavesynth.models.text_config import TextConfig
from wavesynth.networks import Network

__all__ = [
    "ReferenceStack",
    "SpeakingNetwork",
    "StackLike",
    "StackStream",
    "native_stacks",
    "speaking_network",
]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class StackStream(Protocol):
    """A stack that is given its steps in pieces; what it gives does not depend on how they are cut."""

    def push(self, steps: Floats) -> Floats:
        """The outputs [n, outputs] that are complete with these inputs [m, inputs]."""

    def finish(self) -> Floats:
        """The rest."""


class StackLike(Protocol):
    """A stack of the network (wavesynth.models.text_to_mel.Stack)."""

    def stream(self) -> StackStream:
        """A stream from its beginning on."""


class SpeakingNetwork:
    """The weights of a text network, ready to be used by many utterances."""

    def __init__(
        self, config: TextConfig, weights: Mapping[str, Floats], stacks: Mapping[str, StackLike]
    ) -> None:
        self.config, self.stacks = config, stacks
        self.mean, self.scale, self.silence = (weights[name] for name in ("mean", "scale", "silence"))
        self.pitch_range = weights["pitch_range"]
        self._tables = [weights[f"{name}.weight"] for name in ("symbol", "stress", "clause")]

    def encode(self, symbols: Ints, stress: Ints, clause: Ints) -> Floats:
        """The vectors of an utterance's symbols, [P, channels]."""
        symbol_table, stress_table, clause_table = self._tables
        return self._whole("encoder", symbol_table[symbols] + stress_table[stress] + clause_table[clause])

    def predict(self, encoded: Floats) -> tuple[Floats, Floats]:
        """ln(1 + frames) [P, 1] and prosody [P, PROSODY] of encoded symbols."""
        return self._whole("duration", encoded), self._whole("prosody", encoded)

    def _whole(self, stack: str, steps: Floats) -> Floats:
        stream = self.stacks[stack].stream()
        return np.concatenate([stream.push(steps), stream.finish()])


#: By network, as long as there is the network.
_MADE: WeakKeyDictionary[Network, SpeakingNetwork] = WeakKeyDictionary()


def speaking_network(network: Network) -> SpeakingNetwork:
    """The network of a voice, made once."""
    found = _MADE.get(network)
    if found is None:
        config: TextConfig = network.config
        try:
            stacks: dict[str, StackLike] = native_stacks(network)
        except ImportError:  # the kernel was not built
            stacks = {name: ReferenceStack(network, name) for name in config.stacks}
        found = _MADE[network] = SpeakingNetwork(config, network.weights, stacks)
    return found


def native_stacks(network: Network, instruction_set: str | None = None) -> dict[str, StackLike]:
    """The stacks of a text network in C++: the same bits on every processor. Raises ImportError where the kernel was
    not built."""
    from wavesynth.kernels.cpu import ConvNext

    if instruction_set is None:
        instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
    stacks: dict[str, StackLike] = {}
    for name, (_, _, _, layers, _) in network.config.stacks.items():
        weights = {
            key.removeprefix(f"{name}."): np.ascontiguousarray(weight, np.float32)
            for key, weight in network.weights.items()
            if key.startswith(f"{name}.")
        }
        stacks[name] = ConvNext(weights, layers, instruction_set)
    return stacks


class ReferenceStack:
    """A stack in PyTorch: every push computes all steps anew."""

    def __init__(self, network: Network, name: str) -> None:
        self.module = getattr(network.module, name)
        self.reach = sum(block.depthwise.kernel_size[0] // 2 for block in self.module.blocks)

    def stream(self) -> StackStream:
        """A stream from its beginning on."""
        return _ReferenceStream(self)


class _ReferenceStream:
    def __init__(self, stack: ReferenceStack) -> None:
        self.stack, self.given = stack, 0
        self.steps = np.zeros((0, stack.module.input.in_features), np.float32)

    def push(self, steps: Floats) -> Floats:
        self.steps = np.concatenate([self.steps, steps])
        return self._until(max(0, len(self.steps) - self.stack.reach))

    def finish(self) -> Floats:
        return self._until(len(self.steps))

    def _until(self, end: int) -> Floats:
        import torch

        first, self.given = self.given, max(self.given, end)
        with torch.inference_mode():
            made: Floats = self.stack.module(torch.from_numpy(self.steps)[None])[
                0, first : self.given
            ].numpy()
        return made
