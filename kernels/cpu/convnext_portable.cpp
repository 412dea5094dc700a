#define WAVESYNTH_ISA portable
#include "simd_portable.hpp"
// The instruction set first: the arithmetic is written on its types.
#include "convnext.hpp"
