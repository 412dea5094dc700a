"""The converter in C++."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wavesynth.kernels.cpu import Converter

__all__ = ["native_converter"]


def native_converter(weights: Mapping[str, NDArray[np.float32]], silence: float) -> Converter:
    """A converter (wavesynth.models.converter) with these weights, by their names in its `state_dict`:
    `frames(windows [f, window, bands], memory [layers, channels])` gives the successive frames, [f, bands], at least
    `silence` each, and the memory after them."""
    layers = sum(name.startswith("remember.weight_ih") for name in weights)

    def stacked(name: str) -> NDArray[np.float32]:
        return np.stack([weights[f"remember.{name}_l{layer}"] for layer in range(layers)])

    gates = [stacked(name) for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]
    hear, say = ([weights[f"{name}.weight"], weights[f"{name}.bias"]] for name in ("hear", "say"))
    return Converter(*hear, *gates, *say, silence, os.environ.get("WAVESYNTH_INSTRUCTION_SET", ""))
