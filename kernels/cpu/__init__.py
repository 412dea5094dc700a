"""The int8 sampler and the correction in C++: AVX-512, AVX2 or plain C++, chosen when made; all give the same bits."""

from wavesynth.kernels.cpu._kernels import Int8Sampler, SpectralProjector, instruction_sets

__all__ = ["Int8Sampler", "SpectralProjector", "instruction_sets"]
