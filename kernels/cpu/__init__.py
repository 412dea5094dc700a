"""The int8 sampler and the stages around it in C++: AVX-512, AVX2 or plain C++, chosen when made; all give the same
bits."""

from wavesynth.kernels.cpu._kernels import (
    Conditioner,
    Converter,
    ConvNext,
    ConvNextStream,
    DeviceStep,
    FlowSampler,
    HarmonicSampler,
    Int8Sampler,
    LogMel,
    Plane,
    PlaneStream,
    Resampler,
    SpectralProjector,
    instruction_sets,
)

__all__ = [
    "Conditioner",
    "ConvNext",
    "ConvNextStream",
    "Converter",
    "DeviceStep",
    "FlowSampler",
    "HarmonicSampler",
    "Int8Sampler",
    "LogMel",
    "Plane",
    "PlaneStream",
    "Resampler",
    "SpectralProjector",
    "instruction_sets",
]
