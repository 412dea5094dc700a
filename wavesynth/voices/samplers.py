"""A voice's sampler, by the name of a backend."""

from __future__ import annotations

from wavesynth.sampling.backends.mulaw import MuLawSampler
from wavesynth.sampling.backends.reference import BatchSampler
from wavesynth.sampling.backends.sampler import ClassSampler, Sampler
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
    drawing = _class_sampler(voice, backend, threads, max_streams, max_batch)
    return MuLawSampler(drawing, voice.classes, voice.mid_tread)


def _class_sampler(
    voice: Voice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
) -> ClassSampler:
    if backend == "cpu":
        from wavesynth.sampling.backends.cpu import CpuSampler

        return CpuSampler(voice.int8(), threads=threads)
    if backend == "triton":
        try:
            from wavesynth.sampling.backends.triton import TritonSampler
        except ImportError as error:
            raise ValueError(
                f"backend triton needs the Python package triton ({error}); use --backend cpu"
            ) from error
        return TritonSampler(voice.model, voice.gains, max_streams, voice.fine, max_batch)
    if backend == "reference":
        return BatchSampler(voice.int8())
    if backend == "float32":
        return BatchSampler(voice.float32())
    raise ValueError(f"backend is {backend!r}; it must be one of {', '.join(BACKENDS)}")
