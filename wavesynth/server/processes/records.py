"""What stands in the rings: pieces of a stream's input, and pieces of its audio, each with a short header."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.stream import EngineOutput, Statistics
from wavesynth.server.processes.ring import RingReader

__all__ = ["END", "input_records", "output_records", "read_input", "read_outputs"]

#: What an input record is, the bands of a log-mel frame, and the bytes that follow.
_INPUT = struct.Struct("<HHI")
_INT16, _FLOAT32, _MEL, _END = range(4)
#: Bytes of samples that follow, whether statistics follow them, the first sample, and when they were made.
_OUTPUT = struct.Struct("<IIQd")
_STATISTICS = struct.Struct("<QddddII")

#: The record that says that there will be no more input.
END = _INPUT.pack(_END, 0, 0)


def input_records(piece: NDArray[Any], longest: int) -> Iterator[bytes]:
    """A piece, int16 or float32 samples [n] or float32 frames [f, bands], as records of at most `longest` bytes."""
    kind = _MEL if piece.ndim == 2 else _INT16 if piece.dtype == np.int16 else _FLOAT32
    bands = piece.shape[1] if kind == _MEL else 0
    data = piece.tobytes()
    item = piece.dtype.itemsize * max(1, bands)
    most = max(1, (longest - _INPUT.size) // item) * item
    for at in range(0, len(data), most):
        part = data[at : at + most]
        yield _INPUT.pack(kind, bands, len(part)) + part


def read_input(ring: RingReader) -> Iterator[NDArray[Any] | None]:
    """The pieces that wait in a ring; None for the end of the input."""
    while ring.waiting:
        kind, bands, size = _INPUT.unpack(ring.read(_INPUT.size))
        if kind == _END:
            yield None
        else:
            piece = np.frombuffer(ring.read(size), np.int16 if kind == _INT16 else np.float32)
            yield piece.reshape(-1, bands) if kind == _MEL else piece


def output_records(output: EngineOutput, longest: int) -> list[bytes]:
    """A piece of audio as records of at most `longest` bytes."""
    data, first, last = output.samples.tobytes(), output.first_sample, output.statistics
    if last is None and _OUTPUT.size + len(data) <= longest:  # as nearly all are
        return [_OUTPUT.pack(len(data), 0, first, output.made_at) + data]
    most = (longest - _OUTPUT.size - _STATISTICS.size) // 2 * 2
    records = []
    for at in range(0, max(1, len(data)), most):
        part = data[at : at + most]
        records.append(_OUTPUT.pack(len(part), 0, first + at // 2, output.made_at) + part)
    if last is not None:
        header = _OUTPUT.pack(len(part), 1, first + at // 2, output.made_at)
        figures = _STATISTICS.pack(*(getattr(last, figure.name) for figure in fields(Statistics)))
        records[-1] = header + part + figures
    return records


def read_outputs(ring: RingReader) -> list[EngineOutput]:
    """The pieces of audio that wait in a ring."""
    outputs = []
    while ring.waiting:
        size, ends, first, made_at = _OUTPUT.unpack(ring.read(_OUTPUT.size))
        samples = np.frombuffer(ring.read(size), np.int16)
        last = Statistics(*_STATISTICS.unpack(ring.read(_STATISTICS.size))) if ends else None
        outputs.append(EngineOutput(samples, first, made_at, last))
    return outputs
