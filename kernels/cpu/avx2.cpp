#define WAVESYNTH_ISA avx2
#include "simd_avx2.hpp"
// The instruction set first: the sampler is written on its types.
#include "pair.hpp"
#include "project.hpp"
#include "log_mel.hpp"
#include "condition.hpp"
#include "convert.hpp"
#include "resample.hpp"
#include "flow.hpp"
#include "harmonic.hpp"
