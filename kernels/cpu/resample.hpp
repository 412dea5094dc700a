// The filter of a StreamingResampler (wavesynth/audio/resampling.py). Eight sums take the taps in turn. Included once for
// each instruction set.
#pragma once
#include "stages.hpp"

namespace wavesynth::WAVESYNTH_ISA {

void resample(const ResamplerTables& s, const float* samples, int periods, float* out) {
  for (int period = 0; period < periods; period++, samples += s.down)
    for (int phase = 0; phase < s.up; phase++) {
      const float* filter = s.filter + static_cast<size_t>(phase) * s.taps;
      float sums[8] = {};
      int k = s.first_tap[phase];
      for (; k + 8 <= s.end_tap[phase]; k += 8)
        for (int lane = 0; lane < 8; lane++) sums[lane] += filter[k + lane] * samples[k + lane];
      for (int lane = 0; k < s.end_tap[phase]; k++, lane++) sums[lane] += filter[k] * samples[k];
      *out++ = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    }
}

}  // namespace wavesynth::WAVESYNTH_ISA
