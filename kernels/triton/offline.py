"""Compiling all variants of the kernel with no GPU present: what it takes of one, and what is in its instructions.

    python -m wavesynth.kernels.triton.offline > tests/kernels/compiled.json        the table of all that ships

Triton brings its own assembler and `cuobjdump`; neither needs a GPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.compiler import CompiledKernel

from wavesynth.kernels.triton.kernel_config import KernelConfig
from wavesynth.kernels.triton.network import PackedNetwork, pack
from wavesynth.kernels.triton.persistent import Persistent
from wavesynth.kernels.triton.selection import WARP_SPECIALIZED, tiled_configs

__all__ = ["SHIPPED", "Figures", "figures", "layer_loop_reads", "rows", "shape", "sources"]


#: What ships: (layers, S, variant, compute capability), R = 64, A = 256.
SHIPPED: list[tuple[int, int, KernelConfig, int]] = [
    *(
        (layers, s, config, 90)
        for layers, s in ((30, 256), (20, 128), (50, 256))
        for config in WARP_SPECIALIZED
    ),
    *((30, 256, config, capability) for capability in (90, 80, 100) for config in tiled_configs(capability)),
    *((layers, s, Persistent(), 90) for layers, s in ((20, 128), (30, 256), (50, 256))),
    *((30, 256, Persistent(), capability) for capability in (80, 100)),
]
_INSTRUCTIONS = {
    "tensor_core": r"\b(wgmma\.mma_async|mma\.sync|tcgen05\.mma)\b",
    "bulk_copy": r"\bcp\.async\.bulk\.tensor",
    "barrier": r"\b(bar\.sync|barrier\.sync)\b",
}
_READS = r"(?:tt\.load|async_tma_copy_global_to_local|async_copy_global_to_local|tt\.atomic_\w+)"


@dataclass(frozen=True)
class Figures:
    """What a compiled kernel takes: registers and bytes of stack of a thread, bytes of shared memory, instructions."""

    registers: int
    stack: int
    shared: int
    tensor_core: int
    bulk_copy: int
    barrier: int
    exchanges: int
    """Turns through shared memory in the loop over layers, or in all of a persistent kernel, each with its barriers."""


def shape(layers: int, residual: int = 64, skip: int = 256, classes: int = 256) -> PackedNetwork:
    """A network of that shape, in stacks of ten layers, whose weights are all zero."""
    z, r, s, a = torch.zeros, residual, skip, classes
    return pack(
        tuple(2 ** (i % 10) for i in range(layers)), 160, embedding=z(a, r), dilated=z(layers, 2 * r, 2 * r),
        residual=z(layers, r, r), residual_bias=z(layers, r), skip=z(s, layers * r), skip_bias=z(s), hidden=z(a, s),
        hidden_bias=z(a), output=z(a, a), output_bias=z(a),
    )  # fmt: skip


def figures(kernel: CompiledKernel) -> Figures:
    """What is written in the compiled code."""
    binaries = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        run = subprocess.run(
            [os.fspath(binaries / "cuobjdump"), "--dump-resource-usage", file.name],
            capture_output=True,
            text=True,
        )
    used = re.search(r"REG:(\d+) STACK:(\d+)", run.stdout)
    if used is None:
        raise RuntimeError(f"cuobjdump said {run.stdout + run.stderr!r}; it must name REG and STACK")
    counts = {name: len(re.findall(pattern, kernel.asm["ptx"])) for name, pattern in _INSTRUCTIONS.items()}
    inside = "".join(_layer_loop(kernel.asm["ttgir"]))
    exchanges = len(re.findall(r"local_alloc %|local_store|convert_layout", inside))
    return Figures(int(used[1]), int(used[2]), kernel.metadata.shared, **counts, exchanges=exchanges)


def layer_loop_reads(kernel: CompiledKernel) -> set[str]:
    """The kernel's arguments that the loop over layers reads memory through, from the compiler's last own form.

    Each load's address is followed back through all that it was computed from.
    """
    text = kernel.asm["ttgir"]
    made: dict[str, set[str]] = {}  # what each value was computed from
    for line in text.splitlines():
        if match := re.match(r"\s*(%[\w.]+)(?::\d+)? = (.*)", line):
            # What was loaded is a number, not a place: an address is not followed through it.
            made[match[1]] = set() if "tt.load" in match[2] else set(re.findall(r"%[\w.]+", match[2]))
        if "iter_args(" in line:
            for name, start in re.findall(r"(%[\w.]+) = (%[\w.]+)", line.partition("iter_args(")[2]):
                made.setdefault(name, set()).add(start)
    read: set[str] = set()
    for line in _layer_loop(text):
        if match := re.search(_READS + r" (?:\w+, )*(%[\w.]+)", line):
            read |= set(_arguments(match[1], made))
    return read


def _layer_loop(text: str) -> list[str]:
    """The lines of the loop over layers: the innermost one that has the gate, and so a split, in it."""
    lines = text.splitlines()
    at = next((i for i, line in enumerate(lines) if "tt.split" in line), None)
    if at is None:  # the persistent kernel's layers are no loop
        return lines
    depth = len(lines[at]) - len(lines[at].lstrip())
    first = next(
        i
        for i in range(at, 0, -1)
        if "scf.for" in lines[i] and len(lines[i]) - len(lines[i].lstrip()) < depth
    )
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    last = next(i for i in range(at, len(lines)) if lines[i].startswith(indent + "}"))
    return lines[first : last + 1]


def _arguments(value: str, made: dict[str, set[str]]) -> Iterator[str]:
    """The kernel's pointers that `value` is computed from."""
    seen, left = set(), [value]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in made:
            left += made[name]
        elif name.endswith(("_ptr", "_weights")):
            yield name.removeprefix("%")


def sources() -> str:
    """A hash of the kernels' code: what is compiled of the same code by the same Triton is the same."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def rows(variants: list[tuple[int, int, KernelConfig, int]]) -> list[dict[str, Any]]:
    """What each variant takes, as `SHIPPED` names them."""
    table = []
    for layers, s, config, capability in variants:
        kernel = config.compile(shape(layers, skip=s), capability)
        row = {
            "layers": layers,
            "skip": s,
            "config": config.name,
            "capability": capability,
            "triton": triton.__version__,
        }
        reads = [] if isinstance(config, Persistent) else sorted(layer_loop_reads(kernel))
        table.append({**row, **asdict(figures(kernel)), "layer_loop_reads": reads})
        print(table[-1], file=sys.stderr, flush=True)
    return table


def main() -> None:
    """Prints the table, and of which code it is."""
    print(json.dumps({"sources": sources(), "rows": rows(SHIPPED)}, indent=1))


if __name__ == "__main__":
    main()
