"""A voice's sampler, by the name of a backend."""

from __future__ import annotations

from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.voices.voice import Voice

__all__ = ["BACKENDS", "make_sampler"]

BACKENDS = ("cpu", "triton", "reference", "float32")


def make_sampler(
    voice: Voice,
    backend: str = "cpu",
    threads: int = 1,
    max_streams: int | None = None,
    max_batch: int | None = None,
) -> Sampler:
    """The sampler `backend` for `voice`: on `threads` cores, or on the GPU, with memory for `max_streams` streams, of
    which no more than `max_batch` are ever advanced at once.

    Raises ValueError, in a sentence, for an unknown backend, and for one that this machine or voice cannot have.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}; it must be one of {', '.join(BACKENDS)}")
    return voice.of_kind.sampler(voice, backend, threads, max_streams, max_batch)
