"""One program of a Gluon kernel as the strict interpreter of `gluon.py` runs it: shared memory, barriers, products.

What hardware may do early or late is done as early or as late as can be, so that a kernel that counts on luck fails:

- A copy to shared memory by TMA is made at once when it is begun: whoever still reads what was there before sees it.
- One by `async_copy` spoils its place at once, and the values are there when they are waited for. What it reads must
  not change meanwhile.
- A product is made when it is waited for. What it read, and what a load read, must not change before the next barrier,
  since other warps may be at it still.
- What was written may be loaded after a barrier, and be a product's factor after a fence and then a barrier.
- A place is given back only after a barrier that follows the last look at it.
"""

import threading
from dataclasses import dataclass

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from tests.kernels.triton_networks import order_free

__all__ = ["Barrier", "Memory", "Program", "Sums", "Written", "begin_program", "program", "tensor"]


def program():
    """The program that runs now."""
    return _RUNNING[0]


def begin_program():
    """Puts a new program in the place of the one that ran."""
    _RUNNING[0] = Program()


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
        program().reads(self.values, by_product=False)
        return tensor(self.values.copy())

    def store(self, value):
        self.values[...] = value.handle.data
        program().written.append(Written(self.values))

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
            program().reads(factor.values, by_product=True)
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

    def run_others(self):
        """Lets the other partitions go on as far as they come."""
        with self.state:
            self.state.notify_all()
            self.state.wait_for(lambda: all(w and w[0].phases % 2 == w[1] for w in self.waits.values()))


_RUNNING = [Program()]


def tensor(values):
    kind = {np.dtype(np.float16): tl.float16, np.dtype(np.float32): tl.float32}[values.dtype]
    return tl.core.tensor(TensorHandle(values, kind), tl.block_type(kind, list(values.shape)))
