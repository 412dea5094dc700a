"""The data plane: what advances the streams of one voice through the whole pipeline, from input to 16-bit samples.

    open → push, push, ... finish
           ready?  → advance → samples        as often as it takes

There are three, which give the same bytes: `NativePlane` (native_plane.py), one call of C++ for many streams;
`DevicePlane` (device_plane.py), the same around a sampler on a GPU or of flows; and `ComposedPlane`
(composed_plane.py), the same stages put together in Python, for backends and kinds that C++ knows nothing of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wavesynth.engine.stream import EngineRequest

__all__ = [
    "Advanced",
    "DataPlane",
    "EngineLostError",
    "InputError",
    "PlaneStream",
    "StreamError",
    "samples_at",
]


@cache
def samples_at(rate: int, of_16000: int) -> int:
    """How many samples at `rate` hertz last as long as so many at 16 kHz; at least one."""
    return max(1, round(of_16000 * rate / 16000))


class StreamError(Exception):
    """Why a stream ended before its last chunk."""


class EngineLostError(StreamError):
    """The engine ended, and the stream with it: another engine can make the rest."""


class InputError(StreamError, ValueError):
    """What was pushed cannot be used: a ValueError, as it is of input that is whole."""


class PlaneStream(Protocol):
    """One stream's way through the pipeline."""

    @property
    def index(self) -> int:
        """Samples drawn so far."""

    @property
    def total(self) -> int | None:
        """Samples of the whole, once that is known."""

    @property
    def lead(self) -> int:
        """Samples that are still to be drawn before any come out, in whole frames."""

    def push(self, piece: NDArray[Any]) -> None:
        """Gives the next input, from any thread: samples [n], int16 or float32, or mel frames [f, bands], float32."""

    def finish(self) -> None:
        """Says, from any thread, that there will be no more input."""


#: Where the steps of the next streams end, in samples drawn; what came out of each, 16-bit samples [m], or why none.
Advanced = tuple[Sequence[int], Sequence[NDArray[np.int16] | Exception]]


class DataPlane(Protocol):
    """Advances the streams of one voice. A stream is in one call at a time; calls for different streams may overlap."""

    sample_rate: int
    """Hertz of what comes out."""

    @property
    def batch(self) -> int | None:
        """Streams that one call advances best, on the core that calls; None if the more the better."""

    @property
    def depth(self) -> int:
        """Steps of a stream that may be under way before the first one's samples are there."""

    def open(self, request: EngineRequest) -> PlaneStream:
        """A stream. Raises what its source raises."""

    def ready(self, streams: Sequence[Any], n: Sequence[int]) -> Sequence[int | Exception]:
        """How many of each stream's next `n` samples can be made now: all, or those to its end, or none (0), or why it
        ends."""

    def advance(self, streams: Sequence[Any], n: int, alone: bool) -> Iterator[Advanced]:
        """Draws the next `n` samples of every stream, which `ready` promised; gives what came out, in the streams'
        order and of some at a time. Streams may be advanced again once this has returned, before all has been read
        from it.

        `alone` says that another core has nothing to do meanwhile.
        """
