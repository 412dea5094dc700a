"""As much of Gluon as `kernels/triton/belt.py` uses, in Triton's interpreter, and a strict one.

What hardware may do early or late is done as early or as late as can be, so that a kernel that counts on luck fails:

- A copy to shared memory by TMA is made at once when it is begun: whoever still reads what was there before sees it.
- One by `async_copy` spoils its place at once, and the values are there when they are waited for. What it reads must
  not change meanwhile.
- A product is made when it is waited for. What it read, and what a load read, must not change before the next barrier,
  since other warps may be at it still.
- What was written may be loaded after a barrier, and be a product's factor after a fence and then a barrier.
- A place is given back only after a barrier that follows the last look at it.

A program's other partitions run whenever something that they wait for has happened, as far as they come.
"""

import importlib.util
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import triton
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from tests.kernels.triton_networks import order_free

__all__ = ["interpreted"]


class Memory:
    """Shared memory, or a part of it."""

    def __init__(self, values):
        self.values = values

    def index(self, at):
        return Memory(self.values[int(at)])

    def slice(self, start, length, dim=0):
        cut = slice(int(start), int(start) + int(length))
        return Memory(self.values[(slice(None),) * int(dim) + (cut,)])

    def permute(self, order):
        return Memory(self.values.transpose(order))

    def load(self, layout):
        PROGRAM.reads(self.values, by_product=False)
        return tensor(self.values.copy())

    def store(self, value):
        self.values[...] = value.handle.data
        PROGRAM.written.append(Written(self.values))

    def _keep_alive(self):
        pass


class Barrier:
    """Phases, each of which is over when so many have arrived and all bytes that are expected have come."""

    def __init__(self):
        self.count = self.missing = self.bytes = self.phases = 0

    def change(self, arrivals, size):
        self.missing -= arrivals
        self.bytes += size
        if self.missing == 0 and self.bytes == 0:
            self.phases, self.missing = self.phases + 1, self.count


class Sums:
    """A product that is on its way, or sums that one will be added to; `total` is None until it is waited for."""

    def __init__(self, start, a=None, b=None):
        self.start, self.a, self.b = start, a, b
        self.total = start if a is None else None

    def finish(self):
        start = self.start.total if isinstance(self.start, Sums) else self.start
        for factor in (self.a, self.b):
            PROGRAM.reads(factor.values, by_product=True)
        self.total = tensor(order_free(self.a.values, self.b.values, start.handle.data))


@dataclass
class Written:
    """A place that not everybody sees what is written in yet."""

    values: np.ndarray
    on_its_way: bool = False
    seen: bool = False
    fenced: bool = False


class Program:
    """One program: what it has on its way, and its partitions."""

    def __init__(self):
        self.products = []
        self.read = []
        self.written = []
        self.copies = [[]]
        self.state = threading.Condition()
        self.waits = {}
        self.over = False

    def reads(self, values, by_product):
        for place in self.written:
            if np.shares_memory(place.values, values) and (by_product or not place.seen):
                raise RuntimeError("what is read is not behind a barrier, or a fence and a barrier")
        self.read.append((values, values.tobytes()))

    def fence(self):
        for place in self.written:
            place.fenced = not place.on_its_way

    def barrier(self):
        if any(values.tobytes() != seen for values, seen in self.read):
            raise RuntimeError("what was read was written before all were at a barrier")
        self.read.clear()
        self.written = [place for place in self.written if not place.fenced]
        for place in self.written:
            place.seen = not place.on_its_way

    def wait(self, barrier, phase):
        """Until a phase of that parity is not the one that is going on."""
        with self.state:
            me = threading.current_thread()
            if me in self.waits:
                self.waits[me] = (barrier, phase)
                self.state.notify_all()
                self.state.wait_for(lambda: self.over or barrier.phases % 2 != phase)
                self.waits[me] = None
                if self.over:
                    raise SystemExit
            elif barrier.phases % 2 == phase:
                raise RuntimeError("a barrier is waited for that nobody will complete")

    def settle(self):
        """Lets the other partitions go on as far as they come."""
        with self.state:
            self.state.notify_all()
            self.state.wait_for(lambda: all(w and w[0].phases % 2 == w[1] for w in self.waits.values()))


PROGRAM = Program()


def tensor(values):
    kind = {np.dtype(np.float16): tl.float16, np.dtype(np.float32): tl.float32}[values.dtype]
    return tl.core.tensor(TensorHandle(values, kind), tl.block_type(kind, list(values.shape)))


def allocate(kind, shape, layout):
    shape = [int(n) for n in shape]
    if kind is not tl.int64:
        return Memory(np.full(shape, np.nan, np.float16))
    barriers = np.empty(shape, object)
    for at in np.ndindex(*shape):
        barriers[at] = Barrier()
    return Memory(barriers)


def the(memory):
    return memory.values.reshape(-1)[0]


def init(memory, count):
    the(memory).count = the(memory).missing = int(count)


def expect(memory, size):
    the(memory).change(1, int(size))


def arrive(memory, pred=True):
    if pred:
        if PROGRAM.read:
            raise RuntimeError("a place is given back before all were at a barrier")
        the(memory).change(1, 0)
        PROGRAM.settle()


def bulk_copy(descriptor, at, memory, result):
    row, column = (int(i) for i in at)
    rows, columns = descriptor.block_shape
    block = descriptor.base[row : row + rows, column : column + columns].numpy()
    assert result.values.shape == block.shape, "a block is copied to a place of another shape"
    result.values[...] = block
    the(memory).change(0, -block.nbytes)


def copy(memory, pointers):
    memory.values[...] = np.nan
    place = Written(memory.values, on_its_way=True)
    PROGRAM.written.append(place)
    PROGRAM.copies[-1].append((place, pointers, tl.load(pointers).handle.data.tobytes()))


def wait_group(left):
    ready = max(0, len(PROGRAM.copies) - 1 - int(left))
    for place, pointers, seen in [copied for group in PROGRAM.copies[:ready] for copied in group]:
        now = tl.load(pointers).handle.data
        if now.tobytes() != seen:
            raise RuntimeError("what was being copied was written")
        place.values[...] = now
        place.on_its_way = False
    PROGRAM.copies = PROGRAM.copies[ready:]


def product(a, b, acc, is_async=False):
    PROGRAM.products.append(Sums(acc, a, b))
    return PROGRAM.products[-1] if is_async else product_wait(0, PROGRAM.products[-1:])


def product_wait(left, deps):
    while len(PROGRAM.products) > int(left):
        PROGRAM.products.pop(0).finish()
    results = [x.total if isinstance(x, Sums) else x for x in deps]
    if any(x is None for x in results):
        raise RuntimeError("a product is used that was not waited for")
    return results[0] if len(results) == 1 else tuple(results)


def warp_specialize(partitions, warps, registers):
    """The first partition in this thread, each other in one of its own."""
    global PROGRAM
    program, failed = PROGRAM, []

    def run(function, arguments):
        try:
            function(*arguments)
        except SystemExit:
            pass
        except Exception as error:
            failed.append(error)
        finally:
            with program.state:
                del program.waits[threading.current_thread()]
                program.state.notify_all()

    (first, given), *others = partitions
    threads = [threading.Thread(target=run, args=other, daemon=True) for other in others]
    program.waits.update(dict.fromkeys(threads))
    for thread in threads:
        thread.start()
    try:
        program.settle()
        first(*given)
        assert not program.waits, "a partition still waits when the first is done"
    finally:
        program.over = True
        with program.state:
            program.state.notify_all()
        for thread in threads:
            thread.join()
        PROGRAM = Program()
    if failed:
        raise failed[0]


def late(name):
    """The function of that name when it is called: the interpreter puts its own in the place of Triton's."""
    return lambda *arguments, **others: getattr(tl, name)(*arguments, **others)


def nothing(*_, **__):
    """A layout."""


LANGUAGE = SimpleNamespace(
    **{name: getattr(tl, name) for name in ("int32", "int64", "float16", "float32")},
    **{
        name: late(name)
        for name in ("expand_dims", "load", "maximum", "minimum", "program_id", "store", "where")
    },
    NVMMASharedLayout=nothing,
    NVMMADistributedLayout=nothing,
    BlockedLayout=nothing,
    SliceLayout=nothing,
    arange=lambda start, end, layout: tl.arange(int(start), int(end)),
    zeros=lambda shape, kind, layout: tl.zeros([int(n) for n in shape], kind),
    constexpr=lambda value: value,
    static_range=range,
    convert_layout=lambda value, layout: value,
    inline_asm_elementwise=lambda asm, constraints, values, **_: values[0],
    allocate_shared_memory=allocate,
    debug_barrier=lambda: PROGRAM.barrier(),
    warp_specialize=warp_specialize,
)
HOPPER = SimpleNamespace(
    async_copy=SimpleNamespace(
        async_copy_global_to_shared=copy,
        commit_group=lambda: PROGRAM.copies.append([]),
        wait_group=wait_group,
    ),
    fence_async_shared=lambda: PROGRAM.fence(),
    mbarrier=SimpleNamespace(
        MBarrierLayout=nothing,
        init=init,
        expect=expect,
        arrive=arrive,
        wait=lambda memory, phase: PROGRAM.wait(the(memory), int(phase)),
    ),
    tma=SimpleNamespace(async_copy_global_to_shared=bulk_copy),
    warpgroup_mma=product,
    warpgroup_mma_init=Sums,
    warpgroup_mma_wait=product_wait,
)


def interpreted(kernel: Path, folder: Path, changes: dict[str, str] | None = None) -> ModuleType:
    """The module `kernel` with this Gluon for Triton's: from a copy in `folder`, since the interpreter reads sources.

    `changes` are made in it: what is to be seen to fail.
    """
    source = kernel.read_text("utf-8")
    for old, new in (changes or {}).items():
        assert source.count(old) == 1, f"{old!r} is in {kernel.name} {source.count(old)} times"
        source = source.replace(old, new)
    imports = source[: source.index("from wavesynth")]
    start = imports.index("import triton.experimental")
    rest = source[len(imports) :].replace("gl.constexpr", "tl.constexpr")
    rest = rest.replace("tl.debug_barrier", "gl.debug_barrier")
    path = folder / f"interpreted_{kernel.name}"
    path.write_text(imports[:start] + "import triton.language as tl\n" + rest, "utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    vars(module).update(gl=LANGUAGE, gluon=SimpleNamespace(jit=triton.jit), **vars(HOPPER))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
