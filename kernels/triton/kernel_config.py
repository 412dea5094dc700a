"""What the variants of the kernel have in common: how one is chosen, launched and compiled.

A variant's configuration changes how long a sample takes. Those of `Tiled` and `WarpSpecialized` give the same samples;
`Persistent` sums in another order, so its samples are its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import CompiledKernel

from wavesynth.kernels.triton.draw import philox
from wavesynth.kernels.triton.network import PackedNetwork, unit_cycle
from wavesynth.kernels.triton.streams import Streams

__all__ = ["KernelConfig", "Launch", "Prepared", "Workspace", "compile_kernel", "interpreting", "pad_slots"]

T = TypeVar("T")

#: Types of the kernels' pointers, by their names; all others are float16.
_POINTER_TYPES = {
    "*fp32": (
        "skip_bias_ptr", "hidden_bias_ptr", "output_bias_ptr", "inverse_ptr", "logits_ptr", "single_ptr",
        "gate_input_ptr",
    ),
    "*i64": ("index_ptr", "seed_ptr", "mailbox_ptr"),
    "*i32": ("table_ptr", "token_ptr", "slot_ptr", "forced_ptr", "drawn_ptr"),
}  # fmt: skip


def interpreting() -> bool:
    """Whether kernels run in Triton's interpreter, on the CPU (TRITON_INTERPRET=1 when they were imported)."""
    return not isinstance(philox, triton.runtime.jit.JITFunction)


@dataclass(frozen=True)
class Launch:
    """The arguments of one launch; see `reference.advance`. Tensors are contiguous and on the network's device."""

    streams: Streams
    conditioning: Tensor
    """[C, F, L, 2R] float16"""
    slots: Tensor
    """[C] int32, with no slot twice; -1 is nobody's"""
    n: int
    """Samples of each stream."""
    forced: Tensor | None = None
    """[C, n] int32"""
    logits: Tensor | None = None
    """[C, n, A] float32, which a launch with `forced` fills"""

    def __post_init__(self) -> None:
        if (self.forced is None) != (self.logits is None):
            raise ValueError("one of forced and logits is missing; given samples are for their logits")

    def no_samples(self) -> Tensor:
        """What the kernel writes the drawn classes to: -1, [C, n] int32."""
        return torch.full((len(self.slots), self.n), -1, dtype=torch.int32, device=self.conditioning.device)


@dataclass(frozen=True)
class Prepared:
    """A launch that is ready; `run(programs)` makes it: all programs at once on a GPU, or some of them."""

    drawn: Tensor
    memory: tuple[Tensor, ...]
    """What its programs share besides the streams."""
    run: Callable[[range], None]


class Workspace:
    """A network on its device, and what its launches share: scratch memory and descriptors, made once."""

    def __init__(self, network: PackedNetwork) -> None:
        self.network = network
        self._made: dict[Hashable, Any] = {}
        self._scratch: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave when `key` was asked for first."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    def scratch(self, columns: int, half: int, single: int) -> tuple[Tensor, Tensor]:
        """Memory of a launch for each of its columns: float16 [columns, half] and float32 [columns, single]. What was
        made for other sizes is freed."""
        key = (columns, half, single)
        if key not in self._scratch:
            self._scratch.clear()
            device = self.network.embedding.device
            self._scratch[key] = (
                torch.zeros(columns, half, dtype=torch.float16, device=device),
                torch.zeros(columns, single, device=device),
            )
        return self._scratch[key]


class KernelConfig(ABC):
    """One variant of the kernel, and how a launch is cut into programs."""

    @property
    @abstractmethod
    def name(self) -> str:
        """For tables."""

    @property
    @abstractmethod
    def options(self) -> dict[str, int | bool]:
        """The compiler's options."""

    @abstractmethod
    def fits(self, network: PackedNetwork) -> bool:
        """Whether the kernel has a network of that size."""

    @abstractmethod
    def programs(self, streams: int, network: PackedNetwork) -> int:
        """How many programs a launch has for so many streams."""

    @abstractmethod
    def constants(self, network: PackedNetwork) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, except FORCED and APPROXIMATE."""

    @abstractmethod
    def prepare(self, workspace: Workspace, launch: Launch) -> Prepared:
        """The launch, before it is made."""

    @abstractmethod
    def compile(self, network: PackedNetwork, capability: int) -> CompiledKernel:
        """The kernel for GPUs of a compute capability such as 90, 9.0; no GPU is needed."""

    @staticmethod
    def shape_constants(network: PackedNetwork) -> dict[str, int | bool]:
        """What every variant is told of a network at compile time."""
        return {
            "L": network.layers,
            "CYCLE": unit_cycle(network.dilations),
            "QUEUE": network.queue_rows,
            "HOP": network.hop,
            "R": network.residual_channels,
            "S": network.skip_channels,
            "A": network.classes,
        }

    def launch_constants(self, network: PackedNetwork, launch: Launch) -> dict[str, Any]:
        """All keyword arguments of a launch: constants and options."""
        flags = {"FORCED": launch.forced is not None, "APPROXIMATE": not interpreting()}
        return {**self.constants(network), **flags, **self.options}


def pad_slots(slots: Tensor, columns: int) -> Tensor:
    """The slots [C] with -1, nobody's, behind them: int32 [columns]."""
    padded = torch.full((columns,), -1, dtype=torch.int32, device=slots.device)
    padded[: len(slots)] = slots
    return padded


def compile_kernel(
    kernel: Any,
    source: Any,
    config: KernelConfig,
    network: PackedNetwork,
    capability: int,
    matrices: dict[str, str] | None = None,
) -> CompiledKernel:
    """`kernel` for `network`, from `source` (Triton's ASTSource or Gluon's), its weights' types being `matrices`."""
    constants = {**config.constants(network), "FORCED": False, "APPROXIMATE": True}
    type_of = {name: kind for kind, names in _POINTER_TYPES.items() for name in names} | (matrices or {})

    def kind(name: str) -> str:
        if name in constants:
            return "constexpr"
        return type_of.get(name, "*fp16" if name.endswith("_ptr") else "i32")

    signature = {name: kind(name) for name in kernel.arg_names}
    aligned = {
        (i,): [["tt.divisibility", 16]] for i, name in enumerate(kernel.arg_names) if name.endswith("_ptr")
    }
    return triton.compile(
        source(kernel, signature, constants, aligned),
        target=GPUTarget("cuda", capability, 32),
        options=config.options,
    )
