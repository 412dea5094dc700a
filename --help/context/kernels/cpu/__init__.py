"""The int8 sampler in C++: AVX-512 VNNI, AVX2 or plain C++, chosen when it is made; all give the same bits."""

from wavesynth.kernels.cpu._sampler import Sampler, instruction_sets

__all__ = ["Sampler", "instruction_sets"]
