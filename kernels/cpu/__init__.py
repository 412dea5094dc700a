"""The int8 sampler and the correction in C++: AVX-512, AVX2 or plain C++, chosen when made; all give the same bits."""

from wavesynth.kernels.cpu._kernels import Sampler, Settler, instruction_sets

__all__ = ["Sampler", "Settler", "instruction_sets"]
