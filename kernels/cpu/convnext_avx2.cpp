#define WAVESYNTH_ISA avx2
#include "simd_avx2.hpp"
// The instruction set first: the arithmetic is written on its types.
#include "convnext.hpp"
