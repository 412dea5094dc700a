"""The conditioning network in C++, for voices that are sampled on a processor."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wavesynth.kernels.cpu import Conditioner

__all__ = ["native_conditioner"]


def native_conditioner(weights: Mapping[str, NDArray[np.float32]]) -> Conditioner:
    """`WaveNet.conditioning` (wavesynth.models.wavenet) of a network with these weights, by their names in its
    `state_dict`: `frames(windows [f, 7, bands], speakers [f])` gives [f, L * 2R]; speakers are numbers, or -1."""

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
