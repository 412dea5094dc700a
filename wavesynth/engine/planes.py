"""Which data plane a voice has."""

from __future__ import annotations

from wavesynth.engine.native_plane import NativePlane, is_native
from wavesynth.engine.plane import DataPlane
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["plane_of"]


def plane_of(loaded: LoadedVoice) -> DataPlane:
    """The native one where the kernels have the voice's sampler and analysis; else that of Python."""
    if is_native(loaded):
        return NativePlane(loaded)
    from wavesynth.engine.composed_plane import ComposedPlane  # which needs PyTorch

    return ComposedPlane(loaded)
