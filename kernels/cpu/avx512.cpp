#define WAVESYNTH_ISA avx512
#include "simd_avx512.hpp"
// The instruction set first: the sampler is written on its types.
#include "pair.hpp"
#include "project.hpp"
