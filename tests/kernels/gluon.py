"""As much of Gluon as the warp-specialized kernel uses, in Triton's interpreter: strict, as `gluon_program.py` says.

A program's other partitions run whenever something that they wait for has happened, as far as they come.
"""

import importlib.util
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import triton
import triton.language as tl

from tests.kernels.gluon_program import Barrier, Memory, Sums, Written, begin_program, program

__all__ = ["interpreted"]


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
        if program().read:
            raise RuntimeError("a place is given back before all were at a barrier")
        the(memory).change(1, 0)
        program().run_others()


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
    program().written.append(place)
    program().copies[-1].append((place, pointers, tl.load(pointers).handle.data.tobytes()))


def wait_group(left):
    ready = max(0, len(program().copies) - 1 - int(left))
    for place, pointers, seen in [copied for group in program().copies[:ready] for copied in group]:
        now = tl.load(pointers).handle.data
        if now.tobytes() != seen:
            raise RuntimeError("what was being copied was written")
        place.values[...] = now
        place.on_its_way = False
    program().copies = program().copies[ready:]


def product(a, b, acc, is_async=False):
    program().products.append(Sums(acc, a, b))
    return program().products[-1] if is_async else product_wait(0, program().products[-1:])


def product_wait(left, deps):
    while len(program().products) > int(left):
        program().products.pop(0).finish()
    results = [x.total if isinstance(x, Sums) else x for x in deps]
    if any(x is None for x in results):
        raise RuntimeError("a product is used that was not waited for")
    return results[0] if len(results) == 1 else tuple(results)


def warp_specialize(partitions, warps, registers):
    """The first partition in this thread, each other in one of its own."""
    running, failed = program(), []

    def run(function, arguments):
        try:
            function(*arguments)
        except SystemExit:
            pass
        except Exception as error:
            failed.append(error)
        finally:
            with running.state:
                del running.waits[threading.current_thread()]
                running.state.notify_all()

    (first, given), *others = partitions
    threads = [threading.Thread(target=run, args=other, daemon=True) for other in others]
    running.waits.update(dict.fromkeys(threads))
    for thread in threads:
        thread.start()
    try:
        running.run_others()
        first(*given)
        assert not running.waits, "a partition still waits when the first is done"
    finally:
        running.over = True
        with running.state:
            running.state.notify_all()
        for thread in threads:
            thread.join()
        begin_program()
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
    debug_barrier=lambda: program().barrier(),
    warp_specialize=warp_specialize,
)
HOPPER = SimpleNamespace(
    async_copy=SimpleNamespace(
        async_copy_global_to_shared=copy,
        commit_group=lambda: program().copies.append([]),
        wait_group=wait_group,
    ),
    fence_async_shared=lambda: program().fence(),
    mbarrier=SimpleNamespace(
        MBarrierLayout=nothing,
        init=init,
        expect=expect,
        arrive=arrive,
        wait=lambda memory, phase: program().wait(the(memory), int(phase)),
    ),
    tma=SimpleNamespace(async_copy_global_to_shared=bulk_copy),
    warpgroup_mma=product,
    warpgroup_mma_init=Sums,
    warpgroup_mma_wait=product_wait,
)


def interpreted(
    kernels: Sequence[Path], folder: Path, changes: dict[str, str] | None = None
) -> list[ModuleType]:
    """The modules `kernels`, of which later ones may import earlier ones, with this Gluon for Triton's: from copies in
    `folder`, since the interpreter reads sources.

    `changes` are made in them: what is to be seen to fail.
    """
    sources = {kernel.stem: kernel.read_text("utf-8") for kernel in kernels}
    for old, new in (changes or {}).items():
        counts = {name: source.count(old) for name, source in sources.items()}
        assert sum(counts.values()) == 1, f"{old!r} is in the kernels {counts} times"
        sources = {name: source.replace(old, new) for name, source in sources.items()}
    return [_module(name, source, list(sources), folder) for name, source in sources.items()]


def _module(name: str, source: str, siblings: Sequence[str], folder: Path) -> ModuleType:
    imports = source[: source.index("from wavesynth")]
    start = imports.index("import triton.experimental")
    rest = source[len(imports) :].replace("gl.constexpr", "tl.constexpr")
    rest = rest.replace("tl.debug_barrier", "gl.debug_barrier")
    for sibling in siblings:
        rest = rest.replace(
            f"from wavesynth.kernels.triton.{sibling} import", f"from interpreted_{sibling} import"
        )
    path = folder / f"interpreted_{name}.py"
    path.write_text(imports[:start] + "import triton.language as tl\n" + rest, "utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    vars(module).update(gl=LANGUAGE, gluon=SimpleNamespace(jit=triton.jit), **vars(HOPPER))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
