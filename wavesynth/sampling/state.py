"""All that a stream remembers, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["State"]

_HEADER = np.dtype([("index", "<u8"), ("token", "<u4"), ("rows", "<u4"), ("columns", "<u4"), ("kind", "S4")])


@dataclass
class State:
    """One stream's memory: a ring buffer for each layer, the last sample's class, the next sample's index.

    `queues` is [sum of dilations, R], or 2R for 16-bit activations: the buffers of all layers one below the
    other; layer l's has d[l] rows, and its input at sample t stands in row t % d[l] until sample t + d[l] reads and
    replaces it. Its entries are what the weights say (int8 weights: uint8, 128 for zero; float weights: float32).
    """

    queues: np.ndarray
    token: int
    index: int = 0

    def copy(self) -> State:
        """A state that shares no memory with this one."""
        return State(self.queues.copy(), self.token, self.index)

    def to_bytes(self) -> bytes:
        """The state as bytes, to be stored or sent to another process."""
        rows, columns = self.queues.shape
        header = np.array((self.index, self.token, rows, columns, self.queues.dtype.str.encode()), _HEADER)
        return header.tobytes() + self.queues.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """The state that `to_bytes` gave; ValueError if the bytes are no such state."""
        if len(data) < _HEADER.itemsize:
            raise ValueError(
                f"a state of {len(data)} bytes is shorter than its {_HEADER.itemsize}-byte header"
            )
        header = np.frombuffer(data, _HEADER, 1)[0]
        if header["kind"] not in (b"|u1", b"<f4"):
            raise ValueError(f"a state's entries are {header['kind']!r}; they must be |u1 or <f4")
        dtype = np.dtype(header["kind"].decode())
        rows, columns = int(header["rows"]), int(header["columns"])
        if len(data) != (size := _HEADER.itemsize + rows * columns * dtype.itemsize):
            raise ValueError(
                f"a state of {rows} x {columns} entries has {len(data)} bytes; it must have {size}"
            )
        queues = np.frombuffer(data, dtype, offset=_HEADER.itemsize).reshape(rows, columns)
        return cls(queues.copy(), int(header["token"]), int(header["index"]))
