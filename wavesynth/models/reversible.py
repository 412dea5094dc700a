"""Networks whose activations are computed again from what they give, so that training need not keep them.

Grosse, CSC321 lecture 20, "Reversible and Autoregressive Models"; Gomez et al., "The Reversible Residual Network",
2017, eq. 6 to 9 and algorithm 1; the coupling is that of Dinh et al., "NICE", 2014, eq. 9.

    y1 = x1 + F(x2)        x2 = y2 - G(y1)
    y2 = x2 + G(y1)        x1 = y1 - F(x2)

Both lines of the left side are one step, (x1, x2) to (x2, x1 + f(x2)), first with F, then with G. A network is a row of
such steps. In the backward pass each one gives its input again, from the last on, and is then differentiated alone:
what is kept is what the last one gave, however many there are. The determinant of a step's Jacobian is 1 or -1.
Streams of float32 are summed in float64, so that what is computed again is what was there, to the last bit.

A row of steps is one node in PyTorch's graph, to which all operands are inputs. So nobody's memory is taken away: what
goes in may be used elsewhere, a step may stand in a row twice, and gradients arrive at a parameter once, as
DistributedDataParallel wants it. F and G may be random, normalise by the batch, and compute in another precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.utils.checkpoint import get_device_states, set_device_states

__all__ = ["ReversibleBlock", "ReversibleSequence", "Step", "couple", "step_of", "uncouple"]


@dataclass(frozen=True, eq=False)
class Step:
    """One f: `function(x, *operands)` gives what is added to the other stream, of its shape; or that and what is added
    to a sum that all steps of a row share. It must not change x, and what has gradients must be x or an operand."""

    function: Callable[..., Tensor | tuple[Tensor, Tensor]]
    operands: tuple[Tensor, ...] = ()
    keep: Callable[[], Callable[..., Tensor | tuple[Tensor, Tensor]]] | None = None
    """Gives a function that will do once more what `function` is about to do, and changes nothing; `function` itself
    unless said otherwise."""


def step_of(module: nn.Module) -> Step:
    """The step whose f is `module`, with its parameters and buffers."""
    parameters = dict(module.named_parameters())

    def call(x: Tensor, *operands: Tensor, buffers: dict[str, Tensor] | None = None) -> Tensor:
        own = {name: buffer.clone() for name, buffer in (buffers or {}).items()}
        made: Tensor = functional_call(module, dict(zip(parameters, operands, strict=True)) | own, (x,))
        return made

    def keep() -> Callable[..., Tensor]:
        # Buffers as they are now: running statistics move on once, and on copies after that.
        return partial(call, buffers={name: buffer.clone() for name, buffer in module.named_buffers()})

    return Step(call, tuple(parameters.values()), keep)


def couple(
    steps: Sequence[Step], x1: Tensor, x2: Tensor, *, stored: bool = False
) -> tuple[Tensor, Tensor, Any]:
    """The two streams after all `steps`, and the sum of what these gave for it, in the streams' type; None if nothing.

    With `stored` PyTorch keeps the activations of all steps, as it does of any network; the results are the same.
    Raises ValueError if there are no steps, or if streams and what is added to one differ in shape.
    """
    if not steps:
        raise ValueError("steps is empty; there must be at least one")
    if x1.shape != x2.shape or x1.dtype != x2.dtype:
        raise ValueError(
            f"x1 is {x1.dtype} {list(x1.shape)} and x2 {x2.dtype} {list(x2.shape)}; both streams must be alike"
        )
    dtype = x1.dtype
    if stored or not torch.is_grad_enabled():
        total = None
        x1, x2 = _summed(x1), _summed(x2)
        for number, step in enumerate(steps):
            heard = x2.to(dtype)
            x1, x2, total = _advance(
                number, partial(step.function, heard, *step.operands), heard, x1, x2, total
            )
        return x1.to(dtype), x2.to(dtype), total
    operands = list({id(operand): operand for step in steps for operand in step.operands}.values())
    place = {id(operand): i for i, operand in enumerate(operands)}
    places = [[place[id(operand)] for operand in step.operands] for step in steps]
    return _apply(_Row(tuple(steps), places, dtype), x1, x2, *operands)


def uncouple(steps: Sequence[Step], y1: Tensor, y2: Tensor) -> tuple[Tensor, Tensor]:
    """The streams from which `steps` make `y1` and `y2`. Steps that are random, or that normalise by the batch while
    their statistics are being trained, have no such inverse."""
    for step in reversed(steps):
        added, _ = _parts(step.function(y1, *step.operands))
        y1, y2 = y2 - added.to(y2.dtype), y1
    return y1, y2


class ReversibleBlock(nn.Module):
    """The reversible block (eq. 6 to 9), of any two networks F and G that keep their input's shape.

    >>> block = ReversibleBlock(nn.Linear(3, 3), nn.Linear(3, 3))
    >>> y1, y2 = block(torch.zeros(1, 3), torch.ones(1, 3))
    >>> torch.allclose(block.inverse(y1, y2)[1], torch.ones(1, 3), atol=1e-5)
    True
    """

    def __init__(self, f: nn.Module, g: nn.Module) -> None:
        super().__init__()
        self.f, self.g = f, g

    def steps(self) -> list[Step]:
        """F's and G's."""
        return [step_of(self.f), step_of(self.g)]

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """y1 and y2, of the shape of both; raises ValueError as `couple` does."""
        return couple(self.steps(), x1, x2)[:2]

    def inverse(self, y1: Tensor, y2: Tensor) -> tuple[Tensor, Tensor]:
        """x1 and x2."""
        return uncouple(self.steps(), y1, y2)


class ReversibleSequence(nn.Module):
    """Blocks one after the other, of which training keeps no more than of one; a block may stand there twice.

    `dim` is that of the channels, which are halved for the two streams. Under autocast the streams are float32, and F
    and G compute in less. With `stored` all activations are kept.
    """

    def __init__(self, blocks: Iterable[ReversibleBlock], dim: int = 1, *, stored: bool = False) -> None:
        super().__init__()
        self.blocks, self.dim, self.stored = nn.ModuleList(blocks), dim, stored
        if not self.blocks:
            raise ValueError("blocks is empty; there must be at least one")

    def steps(self) -> list[Step]:
        """Those of all blocks."""
        return [step for block in self.blocks for step in block.steps()]  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        """What the blocks make of x, of its shape. Raises ValueError if its channels are odd in number."""
        if torch.is_autocast_enabled(x.device.type) and x.dtype in (torch.bfloat16, torch.float16):
            x = x.float()  # else what is added to a stream could not be taken away again
        return torch.cat(couple(self.steps(), *self._halves(x), stored=self.stored)[:2], self.dim)

    def inverse(self, y: Tensor) -> Tensor:
        """The x of which the blocks made y."""
        return torch.cat(uncouple(self.steps(), *self._halves(y)), self.dim)

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if not -x.dim() <= self.dim < x.dim() or x.shape[self.dim] % 2 or not x.shape[self.dim]:
            raise ValueError(
                f"x has shape {list(x.shape)}; dimension {self.dim}, the channels, must be of even size"
            )
        first, second = x.chunk(2, self.dim)
        return first, second


@dataclass(frozen=True, eq=False)
class _Row:
    steps: tuple[Step, ...]
    places: list[list[int]]
    """Of each step's operands among those of the row, of which none is there twice."""
    dtype: torch.dtype
    """Of the streams as the steps have them."""
    kept: list[_Kept] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Kept:
    """How to compute a step again: what it needs besides tensors that have gradients."""

    function: Callable[..., Tensor | tuple[Tensor, Tensor]]
    random: tuple[Tensor, Any] | None
    """The states that random numbers came from, of the processor and the device; None if there were none."""
    autocasts: list[Callable[[], AbstractContextManager[Any]]]

    @contextmanager
    def circumstances(self, x: Tensor) -> Any:
        """Precision and random numbers are those of the forward pass, within."""
        with ExitStack() as stack:
            for autocast in self.autocasts:
                stack.enter_context(autocast())
            if self.random is not None:
                processor, (devices, states) = self.random
                kind = x.device.type if devices else "cuda"
                stack.enter_context(torch.random.fork_rng(devices, device_type=kind))
                torch.set_rng_state(processor)
                set_device_states(devices, states, device_type=kind)
            yield


class _Couple(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, row: _Row, x1: Tensor, x2: Tensor, *operands: Tensor) -> Any:
        ctx.set_materialize_grads(False)
        total = None
        autocasts = _autocasts(x1)
        x1, x2 = _summed(x1), _summed(x2)
        for number, (step, places) in enumerate(zip(row.steps, row.places, strict=True)):
            function = step.function if step.keep is None else step.keep()
            before = torch.get_rng_state(), get_device_states(x1)
            heard = x2.to(row.dtype)
            call = partial(step.function, heard, *(operands[i] for i in places))
            x1, x2, total = _advance(number, call, heard, x1, x2, total)
            same = torch.equal(before[0], torch.get_rng_state())
            same = same and all(map(torch.equal, before[1][1], get_device_states(x1)[1]))
            row.kept.append(_Kept(function, None if same else before, autocasts))
        ctx.row = row
        ctx.save_for_backward(x1, x2, *operands)
        return x1.to(row.dtype), x2.to(row.dtype), total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by1: Tensor | None, by2: Tensor | None, by_total: Tensor | None) -> Any:
        x1, x2, *operands = ctx.saved_tensors
        by1, by2 = (by if by is None else by.to(x1.dtype) for by in (by1, by2))
        dtype = ctx.row.dtype
        needed = ctx.needs_input_grad[3:]
        gradients: list[Tensor | None] = [None] * len(operands)
        for kept, places in zip(reversed(ctx.row.kept), reversed(ctx.row.places), strict=True):
            x = x1.detach().to(dtype).requires_grad_()
            given = [operands[i].detach().requires_grad_(needed[i]) for i in places]
            with torch.enable_grad(), kept.circumstances(x):
                added, side = _parts(kept.function(x, *given))
            made = [
                (value, by.to(value.dtype))
                for value, by in ((added, by2), (side, by_total))
                if value is not None and by is not None and value.requires_grad
            ]
            towards = [(None, x), *((i, g) for i, g in zip(places, given, strict=True) if g.requires_grad)]
            if made:
                values, bys = zip(*made, strict=True)
                found = torch.autograd.grad(values, [at for _, at in towards], bys, allow_unused=True)
                by1 = _sum(by1, found[0] if found[0] is None else found[0].to(x1.dtype))
                for (i, _), gradient in zip(towards[1:], found[1:], strict=True):
                    gradients[i] = _sum(gradients[i], gradient)
            x1, x2, by1, by2 = x2 - added.detach().to(x2.dtype), x1, by2, by1
        by1, by2 = (by if by is None else by.to(dtype) for by in (by1, by2))
        return None, by1, by2, *gradients


@torch.compiler.disable
def _apply(*inputs: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    made: tuple[Tensor, Tensor, Tensor | None] = _Couple.apply(*inputs)
    return made


def _summed(x: Tensor) -> Tensor:
    """A stream in the type that it is summed in: float64 for float32. So what was added can be taken away again, and a
    step that is computed again hears the same float32 as before, and gives the same gradients."""
    return x.double() if x.dtype == torch.float32 and x.device.type != "mps" else x


def _advance(
    number: int, call: Callable[[], Any], heard: Tensor, x1: Tensor, x2: Tensor, total: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The two streams after one step, which hears the second one as `heard`, and the sum."""
    version = heard._version
    added, side = _parts(call())
    if heard._version != version:
        raise ValueError(
            f"step {number} changes its input in place; it must not, as ReLU(inplace=True) would"
        )
    if added.shape != x1.shape:
        raise ValueError(
            f"step {number} gives shape {list(added.shape)}; it must be {list(x1.shape)}, as its input is"
        )
    if side is not None:
        total = side.to(heard.dtype) if total is None else total + side
    return x2, x1 + added.to(x1.dtype), total


def _parts(made: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
    return made if isinstance(made, tuple) else (made, None)


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


def _autocasts(x: Tensor) -> list[Callable[[], AbstractContextManager[Any]]]:
    """What makes autocast, on the processor and on the device of x, what it is now."""
    kinds = [kind for kind in {"cpu", x.device.type} if torch.amp.is_autocast_available(kind)]
    return [
        partial(
            torch.autocast,
            kind,
            dtype=torch.get_autocast_dtype(kind),
            enabled=torch.is_autocast_enabled(kind),
            cache_enabled=torch.is_autocast_cache_enabled(),
        )
        for kind in kinds
    ]
