"""Which data plane a voice has."""

from __future__ import annotations

from wavesynth.engine.native_plane import NativePlane, is_native
from wavesynth.engine.plane import DataPlane
from wavesynth.extras import extra
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["plane_of"]


def plane_of(loaded: LoadedVoice) -> DataPlane:
    """The native one where the kernels have the voice's sampler and analysis; that beside a GPU where they have its
    analysis and its samples are drawn there; else that of Python."""
    if is_native(loaded):
        return NativePlane(loaded)
    with extra("torch", f"voice {loaded.voice.name}, which the kernels cannot make,"):
        from wavesynth.engine.composed_plane import ComposedPlane
        from wavesynth.engine.device_plane import DevicePlane, draws_elsewhere

    if draws_elsewhere(loaded):
        return DevicePlane(loaded)
    return ComposedPlane(loaded)
