"""Which data plane a voice has."""

from __future__ import annotations

from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.plane import DataPlane
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["plane_of"]


def plane_of(loaded: LoadedVoice) -> DataPlane:
    """The native one where the kernels have the voice's sampler and analysis; else that of Python."""
    return ComposedPlane(loaded)
