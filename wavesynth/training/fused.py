"""The loss of a WaveNet on a processor with bfloat16 products: forward and backward as one C++ kernel.

PyTorch's own passes read and write each layer's activations in memory, one operation after the other, and that is
what their time goes to. `kernels/cpu/training.cpp` takes some hundred samples at a time through all layers, so that
what a layer hands on is still in the cache, and computes gates again in the backward pass rather than fetch them.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.workers import allowed_threads

_training: Any = None
if torch.cpu.get_capabilities().get("avx512_bf16"):  # all of the module is compiled for such a processor
    with suppress(ImportError):  # not built: an old compiler, or another system than Linux
        _training = import_module("wavesynth.kernels.cpu._training")

__all__ = ["fused_nats", "fused_probabilities", "is_supported"]


def is_supported(config: WaveNetConfig) -> bool:
    """Whether this processor has bfloat16 products, and the kernel the network: multiples of 32, and not reversible."""
    sizes = (config.residual, config.skip, config.classes, config.hop)
    return _training is not None and not config.reversible and all(n % 32 == 0 for n in sizes)


def fused_nats(
    model: WaveNet,
    tokens: Tensor,
    targets: Tensor,
    conditioning: Tensor,
    first: int,
    *,
    teacher: Tensor | None = None,
    share: float = 1.0,
    inverse_scales: Tensor | None = None,
    threads: int | None = None,
    amx: bool | None = None,
) -> Tensor:
    """Nats [B, T - first] that `model` pays for `targets` [B, T] from sample `first` on, given `tokens` [B, T].

    `conditioning` [B or 1, F, L, 2R] is `model.conditioning`'s. What F.cross_entropy(model(tokens, conditioning)) is,
    in bfloat16 products summed in float32. With a `teacher`'s distributions, bfloat16 [B, T, A], the targets are
    `share` of them and the rest of `targets`; with `inverse_scales` [L, 2, R] activations are rounded to 8 bits.
    One crop is one thread's work. Unless given, `threads` are as many as there are cores, and no more than
    OMP_NUM_THREADS says. The result does not depend on them. AMX is used where there is some, unless `amx` says.
    """
    amx = _training.has_amx() if amx is None else amx
    batch = _Batch(
        model.config, tokens, targets, first, teacher, share, inverse_scales, _threads(threads, tokens), amx
    )
    nats: Tensor = _Fused.apply(batch, conditioning.expand(len(tokens), -1, -1, -1), *_parameters(model))
    return nats


@torch.no_grad()
def fused_probabilities(
    model: WaveNet, tokens: Tensor, conditioning: Tensor, first: int, *, threads: int | None = None
) -> Tensor:
    """What `model` expects of each sample from `first` on: softmax(model(tokens, conditioning)), bfloat16 [B, T, A].

    The arguments are those of `fused_nats`. What stands before `first` means nothing.
    """
    threads = _threads(threads, tokens)
    batch = _Batch(model.config, tokens, tokens, first, None, 0.0, None, threads, _training.has_amx())
    inputs = conditioning.expand(len(tokens), -1, -1, -1), *_parameters(model)
    loss = batch.loss(_arrays(inputs), backward=False)
    nats = torch.empty(tokens.shape)
    probabilities = torch.empty(*tokens.shape, model.config.classes, dtype=torch.bfloat16)
    loss.forward(nats.numpy(), probabilities.view(torch.uint16).numpy())
    return probabilities


def _threads(threads: int | None, tokens: Tensor) -> int:
    return min(threads or allowed_threads(), len(tokens))


def _parameters(model: WaveNet) -> tuple[Tensor, ...]:
    return (
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


def _arrays(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    return [tensor.detach().float().contiguous() for tensor in tensors]


class _Batch(NamedTuple):
    """What the kernel is given, but for what has gradients."""

    config: WaveNetConfig
    tokens: Tensor
    targets: Tensor
    first: int
    teacher: Tensor | None
    share: float
    inverse_scales: Tensor | None
    threads: int
    amx: bool

    def loss(self, arrays: list[Tensor], backward: bool) -> Any:
        """The kernel's passes over the batch; `arrays` are the conditioning and the parameters."""
        c, (conditioning, *parameters) = self.config, arrays
        return _training.Loss(
            list(c.dilations),
            c.residual,
            c.skip,
            c.classes,
            c.hop,
            [parameter.numpy() for parameter in parameters],
            self.tokens.contiguous().numpy(),
            self.targets.contiguous().numpy(),
            conditioning.numpy(),
            None if self.teacher is None else self.teacher.contiguous().view(torch.uint16).numpy(),
            self.share,
            None if self.inverse_scales is None else self.inverse_scales.float().contiguous().numpy(),
            self.first,
            backward,
            self.threads,
            self.amx,
        )


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, batch: _Batch, *inputs: Tensor) -> Tensor:
        arrays, backward = _arrays(inputs), any(ctx.needs_input_grad)
        loss = batch.loss(arrays, backward)
        nats = torch.empty(batch.tokens.shape, dtype=torch.float32)
        loss.forward(nats.numpy(), None)
        if backward:
            ctx.loss, ctx.first, ctx.shapes = loss, batch.first, [array.shape for array in arrays]
        return nats[:, batch.first :]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        by = torch.nn.functional.pad(gradient.float(), (ctx.first, 0)).contiguous()
        conditioning, *parameters = (torch.zeros(shape) for shape in ctx.shapes)
        ctx.loss.backward(by.numpy(), [parameter.numpy() for parameter in parameters], conditioning.numpy())
        ctx.loss = None
        return None, conditioning, *parameters
