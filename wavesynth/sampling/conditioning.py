"""The conditioning network in C++, for voices that are sampled on a processor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from wavesynth.networks import Network

if TYPE_CHECKING:
    from wavesynth.kernels.cpu import Conditioner

__all__ = ["conditioner_of", "constant_frame", "native_conditioner"]

#: By network, as long as there is the network.
_CONDITIONERS: WeakKeyDictionary[Network, Conditioner] = WeakKeyDictionary()


def conditioner_of(network: Network) -> Conditioner | None:
    """The conditioning of a WaveNet that takes log-mel, made once. None where the kernel was not built, as from a
    source tree on a GPU's machine."""
    found = _CONDITIONERS.get(network)
    if found is None:
        try:
            found = native_conditioner(network.weights)
        except ImportError:
            return None
        _CONDITIONERS[network] = found
    return found


def constant_frame(network: Network, speaker: int | None) -> NDArray[np.float32]:
    """The conditioning of every frame of a WaveNet that takes no log-mel, [L * 2R]."""
    frame = np.array(network.weights["bias"], np.float32)
    return frame if speaker is None else frame + network.weights["speaker.weight"][speaker]


def native_conditioner(weights: Mapping[str, NDArray[np.float32]]) -> Conditioner:
    """`WaveNet.conditioning` (wavesynth.models.wavenet) of a network with these weights, by their names in its
    `state_dict`: `frames(windows [f, 7, bands], speakers [f])` gives [f, L * 2R]; speakers are numbers, or -1. Raises
    ImportError where the kernel was not built."""
    from wavesynth.kernels.cpu import Conditioner

    def convolution(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = weights[
            f"{name}.weight"
        ]  # [channels, inputs, kernel]; the inputs of a window lie frame by frame
        return np.ascontiguousarray(weight.transpose(0, 2, 1)).reshape(len(weight), -1), weights[
            f"{name}.bias"
        ]

    output, bias = weights["mel_output.weight"], weights["bias"]
    speakers = weights.get("speaker.weight", np.zeros((0, len(bias)), np.float32))
    instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
    hidden, smooth = convolution("mel_hidden"), convolution("mel_smooth")
    return Conditioner(*hidden, *smooth, output, bias, speakers, instruction_set)
