"""The pipeline in C++, for WaveNets that are sampled on a processor: a stream's whole state is a C++ object, and one
call advances many streams from their input to 16-bit samples without the interpreter's lock.

`ComposedPlane` (composed_plane.py) defines what comes out, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.analysis import log_mel_kernel
from wavesynth.audio.companding import levels
from wavesynth.audio.projection import can_correct, check_overlap, projector
from wavesynth.audio.resampling import ResamplingBlocks, resampling_kernel
from wavesynth.engine.native_converter import native_converter
from wavesynth.engine.plane import Advanced, InputError
from wavesynth.sampling.backends.mulaw import MuLawSampler
from wavesynth.sampling.conditioning import conditioner_of, constant_frame
from wavesynth.sampling.draw import inverse_temperature
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.voice import Voice
from wavesynth.voices.wavenet import WaveNetVoice

if TYPE_CHECKING:
    from wavesynth.engine.stream import EngineRequest
    from wavesynth.kernels.cpu import Plane, PlaneStream
    from wavesynth.sampling.backends.cpu import CpuSampler

__all__ = [
    "NativePlane",
    "has_analysis",
    "is_native",
    "make_plane",
    "open_stream",
    "ready_streams",
    "unusable",
]


def is_native(loaded: LoadedVoice) -> bool:
    """Whether the kernels have the voice's sampler and its analysis."""
    voice, sampler = loaded.voice, loaded.sampler
    # Exactly these classes: others may do something else.
    if type(voice) is not WaveNetVoice or type(sampler) is not MuLawSampler or not _on_processor(sampler):
        return False
    return has_analysis(voice)


def has_analysis(voice: Voice) -> bool:
    """Whether the kernels have all that is between the voice's input and its frames, and its correction."""
    if not _built():
        return False
    if not voice.takes_mel:
        return voice.converter_network is None
    mel = voice.mel
    corrects = not can_correct(mel.bands, mel) or projector(mel) is not None
    same = (voice.hop, voice.mel_bands) == (mel.hop, mel.bands)
    return corrects and same and log_mel_kernel(mel) is not None


class NativePlane:
    """A `DataPlane` of a voice that `is_native`. Its calls may overlap, and each takes the core that calls."""

    depth = 1

    def __init__(self, loaded: LoadedVoice) -> None:
        voice, sampler = loaded.voice, loaded.sampler
        assert isinstance(voice, WaveNetVoice)
        assert isinstance(sampler, MuLawSampler)
        self._voice, backend = voice, sampler.backend
        self.sample_rate = voice.sample_rate
        kernel: CpuSampler = backend  # type: ignore[assignment]
        self.batch = int(kernel.kernel.batch)
        self._plane = make_plane(voice, kernel)

    def open(self, request: EngineRequest) -> PlaneStream:
        """A stream. Raises ValueError for what the voice does not have."""
        constant = request.input == "duration"
        frame = constant_frame(self._voice.network, request.speaker) if constant else None
        return open_stream(self._plane, self._voice, request, frame)

    def ready(self, streams: Sequence[PlaneStream], n: Sequence[int]) -> list[int | Exception]:
        """How many of each stream's next samples can be made now, or why it ends."""
        return ready_streams(self._plane, streams, n)

    def advance(self, streams: Sequence[PlaneStream], n: int, alone: bool = False) -> Iterator[Advanced]:
        """Makes the next `n` samples of every stream."""
        samples, counts = self._plane.advance(streams, n, alone)
        bounds = accumulate(np.maximum(counts, 0).tolist(), initial=0)
        pieces = (samples[begin:end] for begin, end in pairwise(bounds))
        failed = (counts < 0).tolist()
        made = [unusable(-1, s) if f else piece for s, f, piece in zip(streams, failed, pieces, strict=True)]
        return iter([([s.index for s in streams], made)])


def make_plane(voice: Voice, sampler: CpuSampler | None) -> Plane:
    """The C++ object of a voice that `has_analysis`; without a sampler for samples that are drawn elsewhere."""
    from wavesynth.kernels.cpu import Plane

    start, network = sampler.weights.start() if sampler else None, voice.converter_network
    return Plane(
        sampler.kernel if sampler else None,
        start.queues if start else np.zeros(0, np.uint8),
        start.token if start else 0,
        levels(*voice.companding),
        voice.preemphasis,
        voice.hop,
        log_mel_kernel(voice.mel) if voice.takes_mel else None,
        conditioner_of(voice.network) if sampler and voice.takes_mel else None,
        None if network is None else native_converter(network.weights, voice.mel.silence),
        projector(voice.mel) if can_correct(voice.mel_bands, voice.mel) else None,
        voice.mel_bands,
        0 if network is None else network.config.past,
        0 if network is None else network.config.look_ahead,
        float(np.float32(voice.mel.silence)),
    )


def open_stream(
    plane: Plane, voice: Voice, request: EngineRequest, frame: NDArray[np.float32] | None
) -> PlaneStream:
    """A stream; of a given duration with its frame, if there is one. Raises ValueError for what the voice does not
    have."""
    if request.correction:
        check_overlap(voice.mel)
    resampler, blocks = None, (0, 0, 0)
    if request.input == "audio" and request.sample_rate not in (0, voice.sample_rate):
        cut = ResamplingBlocks.of(request.sample_rate, voice.sample_rate)
        resampler, before = resampling_kernel(cut.up, cut.down)
        blocks = cut.reach, cut.block, before
    resume_frame, memory = -1, None
    if request.memory and voice.converter_network is not None and request.input != "duration":
        from wavesynth.engine.excerpt import first_whole_frame

        layers = voice.converter_network.config.layers
        resume_frame = first_whole_frame(voice)
        memory = np.frombuffer(request.memory, np.float32).reshape(layers, -1)
    return plane.open(
        request.input,
        request.samples or 0,
        -1 if request.speaker is None else request.speaker,
        request.params.seed,
        inverse_temperature(request.params.temperature),
        request.correction,
        request.first_sample,
        frame,
        resampler,
        blocks,
        resume_frame,
        memory,
    )


def ready_streams(plane: Plane, streams: Sequence[PlaneStream], n: Sequence[int]) -> list[int | Exception]:
    """How many of each stream's next samples can be made now, or why it ends."""
    found = plane.ready(streams, list(n)).tolist()
    if min(found, default=0) >= 0:
        return list(found)
    return [count if count >= 0 else unusable(count, s) for s, count in zip(streams, found, strict=True)]


def _built() -> bool:
    """Whether there are kernels; in a source tree on a GPU's machine there may be none."""
    try:
        import wavesynth.kernels.cpu  # noqa: F401
    except ImportError:
        return False
    return True


def _on_processor(sampler: MuLawSampler) -> bool:
    if not _built():
        return False
    from wavesynth.sampling.backends.cpu import CpuSampler

    return type(sampler.backend) is CpuSampler


def unusable(code: int, stream: PlaneStream) -> Exception:
    """Why a stream ends, by the number that stands for it in kernels/cpu/analysis_stream.hpp."""
    match code:
        case -1:
            return ValueError("mel has NaN or infinite values; it must be finite")
        case -2:
            return InputError("the input is empty; it must have at least one sample")
        case _:
            return InputError(
                f"first_sample is {stream.first_sample}; it must be below {stream.total}, the samples of the whole"
            )
