"""A trained network: its configuration and its weights, in NumPy. PyTorch is imported when its module is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.extras import extra
from wavesynth.kinds import part

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Network"]


@dataclass(frozen=True, eq=False)
class Network:
    """A network to be used, and not trained."""

    make: Any
    """What makes its module of its configuration, or where it is, as "module:NAME"."""
    config: Any
    weights: Mapping[str, NDArray[np.float32]]
    """By their names in the module."""

    @classmethod
    def of(cls, module: nn.Module) -> Network:
        """The network of a module that has a `config`; its weights are a copy of those that it has now."""
        # A view would point to nothing once PyTorch sends the module to another process: it moves the memory.
        state = module.state_dict()
        weights = {name: tensor.detach().cpu().float().numpy().copy() for name, tensor in state.items()}
        network = cls(type(module), module.config, weights)
        vars(network)["module"] = module
        return network

    @cached_property
    def module(self) -> Any:
        """The network in PyTorch, made when it is first asked for; its weights are a copy."""
        with extra("torch", "a network that no kernel computes"):
            import torch

        with torch.inference_mode(False):
            with torch.device("meta"):
                module = part(self.make)(self.config)
            constants = (buffer for name, buffer in module.named_buffers() if name not in self.weights)
            if any(buffer.is_meta for buffer in constants):  # they are made with it
                with torch.random.fork_rng(devices=[]):
                    module = part(self.make)(self.config)
            weights = {name: torch.tensor(self.weights[name]) for name in module.state_dict()}
            module.load_state_dict(weights, assign=True)
            return module.requires_grad_(False).eval()

    def tensors(self, prefix: str = "") -> dict[str, NDArray[np.float16]]:
        """The weights as they are written, float16; what is too large for that is infinite."""
        with np.errstate(over="ignore"):
            return {f"{prefix}{name}": weight.astype(np.float16) for name, weight in self.weights.items()}
