#define WAVESYNTH_ISA avx512
#include "simd_avx512.hpp"
// The instruction set first: the arithmetic is written on its types.
#include "convnext.hpp"
