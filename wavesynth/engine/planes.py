"""Which data plane a voice has."""

from __future__ import annotations

from wavesynth.engine.device_plane import DevicePlane, makes_frames
from wavesynth.engine.native_plane import NativePlane, is_native
from wavesynth.engine.plane import DataPlane
from wavesynth.extras import extra
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["plane_of"]


def plane_of(loaded: LoadedVoice) -> DataPlane:
    """The native one where the kernels have the voice's sampler and analysis; that around a sampler where they have its
    analysis and the sampler makes conditioning frames itself; else that of Python."""
    if is_native(loaded):
        return NativePlane(loaded)
    if makes_frames(loaded):
        return DevicePlane(loaded)
    with extra("torch", f"voice {loaded.voice.name}, which the kernels cannot make,"):
        from wavesynth.engine.composed_plane import ComposedPlane

    return ComposedPlane(loaded)
