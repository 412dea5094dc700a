"""Which layer of a network was the first to give what is no finite number, when a step has failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["first_not_finite"]


def first_not_finite(model: nn.Module, again: Callable[[], Tensor]) -> str:
    """The name of the weight, or else of the layer by its output, or else of the weight by its gradient, that is not
    finite; "the loss" if all of them are.

    `again` computes the step's loss once more, by `model`. A layer within a layer counts before the one that it is in.
    Gradients are computed from the last layer to the first one, so the last of them is the first; they are computed
    anew, since clipping by a norm that is not finite spoils all of them.
    """
    for name, weight in model.named_parameters():
        if not _finite(weight):
            return name
    found: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if not found and not _finite(output):
                found.append(name)

        return hook

    hooks = [module.register_forward_hook(look(name)) for name, module in model.named_modules() if name]
    try:
        model.zero_grad()
        again().mean().backward()
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        found = [
            f"the gradient of {name}"
            for name, weight in model.named_parameters()
            if weight.grad is not None and not _finite(weight.grad)
        ]
    return found[-1] if found else "the loss"


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(torch.isfinite(value).all())
    return all(map(_finite, value)) if isinstance(value, tuple | list) else True
