"""The loss of a WaveNet on a processor with bfloat16 products: forward and backward as one C++ kernel.

PyTorch's own passes read and write each layer's activations in memory, one operation after the other, and that is
what their time goes to. `kernels/cpu/training.cpp` takes some hundred samples at a time through all layers, so that
what a layer hands on is still in the cache, and computes gates again in the backward pass rather than fetch them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from wavesynth.models.wavenet import WaveNet, WaveNetConfig

_training: Any = None
if torch.cpu.get_capabilities().get("avx512_bf16"):  # all of the module is compiled for such a processor
    with suppress(ImportError):  # not built: an old compiler, or another system than Linux
        _training = import_module("wavesynth.kernels.cpu._training")

__all__ = ["fused_nats", "is_supported"]


def is_supported(config: WaveNetConfig) -> bool:
    """Whether this processor has bfloat16 products, and the kernel the network's shape: multiples of 32."""
    sizes = (config.residual, config.skip, config.classes, config.hop)
    return _training is not None and all(n % 32 == 0 for n in sizes)


def fused_nats(
    model: WaveNet,
    tokens: Tensor,
    targets: Tensor,
    conditioning: Tensor,
    first: int,
    *,
    threads: int | None = None,
    amx: bool | None = None,
) -> Tensor:
    """Nats [B, T - first] that `model` pays for `targets` [B, T] from sample `first` on, given `tokens` [B, T].

    `conditioning` [B or 1, F, L, 2R] is `model.conditioning`'s. What F.cross_entropy(model(tokens, conditioning)) is,
    in bfloat16 products summed in float32. One crop is one thread's work; `threads` are as many as there are cores
    unless given, and the result does not depend on them. AMX is used where there is some, unless `amx` says.
    """
    parameters = (
        model.embedding.weight,
        model.dilated,
        model.residual,
        model.residual_bias,
        model.skip.weight,
        model.skip.bias,
        model.hidden.weight,
        model.hidden.bias,
        model.output.weight,
        model.output.bias,
    )
    nats: Tensor = _Fused.apply(
        model.config,
        tokens,
        targets,
        first,
        min(threads or len(os.sched_getaffinity(0)), len(tokens)),
        _training.has_amx() if amx is None else amx,
        conditioning.expand(len(tokens), -1, -1, -1),
        *parameters,
    )
    return nats


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        config: WaveNetConfig,
        tokens: Tensor,
        targets: Tensor,
        first: int,
        threads: int,
        amx: bool,
        *inputs: Tensor,
    ) -> Tensor:
        conditioning, *parameters = (tensor.detach().float().contiguous() for tensor in inputs)
        backward = any(ctx.needs_input_grad)
        loss = _training.Loss(
            list(config.dilations),
            config.residual,
            config.skip,
            config.classes,
            config.hop,
            [parameter.numpy() for parameter in parameters],
            tokens.contiguous().numpy(),
            targets.contiguous().numpy(),
            conditioning.numpy(),
            first,
            backward,
            threads,
            amx,
        )
        nats = torch.empty(tokens.shape, dtype=torch.float32)
        loss.forward(nats.numpy())
        if backward:
            ctx.loss, ctx.first, ctx.shapes = (
                loss,
                first,
                [tensor.shape for tensor in (conditioning, *parameters)],
            )
        return nats[:, first:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        by = torch.nn.functional.pad(gradient.float(), (ctx.first, 0)).contiguous()
        conditioning, *parameters = (torch.zeros(shape) for shape in ctx.shapes)
        ctx.loss.backward(by.numpy(), [parameter.numpy() for parameter in parameters], conditioning.numpy())
        ctx.loss = None
        return (None,) * 6 + (conditioning, *parameters)
