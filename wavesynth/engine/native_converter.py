"""The converter in C++, and in PyTorch where that was not built: one frame after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wavesynth.kernels import cpu
    from wavesynth.models.converter import Converter

__all__ = ["convert_reference", "converting", "native_converter"]

Array = NDArray[np.float32]

#: Of windows [f, window, bands] of successive frames and the memory before them [layers, channels]: the frames
#: [f, bands], and the memory after them.
Converting = Callable[[Array, Array], tuple[Array, Array]]

#: By network, as long as there is the network; with the silence that it was made for.
_MADE: WeakKeyDictionary[Converter, tuple[float, Converting]] = WeakKeyDictionary()


def converting(network: Converter, silence: float) -> Converting:
    """What converts frames with the network, made once, of the weights that it then has; what comes out is at least
    `silence`. Each frame is computed by itself: its bits do not depend on how many are given."""
    found = _MADE.get(network)
    if found is None or found[0] != silence:
        try:
            weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
            found = silence, native_converter(weights, silence).frames
        except ImportError:
            return lambda windows, memory: convert_reference(network, silence, windows, memory)
        _MADE[network] = found
    return found[1]


def native_converter(weights: Mapping[str, Array], silence: float) -> cpu.Converter:
    """A converter (wavesynth.models.converter) with these weights, by their names in its `state_dict`, whose `frames`
    is a `Converting`. Raises ImportError where the kernel was not built."""
    from wavesynth.kernels import cpu

    layers = sum(name.startswith("remember.weight_ih") for name in weights)

    def stacked(name: str) -> Array:
        return np.stack([weights[f"remember.{name}_l{layer}"] for layer in range(layers)])

    gates = [stacked(name) for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]
    hear, say = ([weights[f"{name}.weight"], weights[f"{name}.bias"]] for name in ("hear", "say"))
    instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
    return cpu.Converter(*hear, *gates, *say, silence, instruction_set)


def convert_reference(
    network: Converter, silence: float, windows: Array, memory: Array
) -> tuple[Array, Array]:
    """A `Converting` in PyTorch."""
    import torch

    with torch.inference_mode():
        made, state = [np.zeros((0, network.config.bands), np.float32)], torch.from_numpy(memory)[:, None]
        for window in torch.from_numpy(windows):
            frame, state = network(window[None], state)
            made.append(frame[0].clamp(min=silence).numpy())
        return np.concatenate(made), state[:, 0].numpy()
