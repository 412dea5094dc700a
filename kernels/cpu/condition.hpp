// The WaveNet's conditioning network (WaveNet.conditioning in wavesynth/models/wavenet.py). Included once for each
// instruction set, after that set's simd_*.hpp.
#pragma once
#include <vector>

#include "dense.hpp"

namespace wavesynth::WAVESYNTH_ISA {

inline void copy_positive(const float* values, int n, float* to) {
  for (int k = 0; k < n; k++) to[k] = std::max(values[k], 0.0f);
}

void condition_hidden(const ConditionerTables& s, const float* const* frames, float* const* hidden, int count) {
  dense(s.hidden, frames, count, [&](int i, int output, const float* values, int n) { copy_positive(values, n, hidden[i] + output); });
}

void condition_frame(const ConditionerTables& s, const float* const* hidden, const int* speakers, float* const* frames, int count) {
  constexpr int kTogether = 4;
  std::vector<float> smooth(static_cast<size_t>(kTogether) * s.channels);
  for (int first = 0; first < count; first += kTogether) {
    const int many = std::min(kTogether, count - first);
    const float* inputs[kTogether];
    for (int i = 0; i < many; i++) inputs[i] = smooth.data() + static_cast<size_t>(i) * s.channels;
    dense(s.smooth, hidden + first, many, [&](int i, int output, const float* values, int n) {
      copy_positive(values, n, smooth.data() + static_cast<size_t>(i) * s.channels + output);
    });
    dense(s.output, inputs, many, [&](int i, int output, const float* values, int n) {
      float* to = frames[first + i] + output;
      const int speaker = speakers[first + i];
      const float* add = speaker < 0 ? nullptr : s.speakers + static_cast<size_t>(speaker) * s.width + output;
      for (int k = 0; k < n; k++) to[k] = add ? values[k] + add[k] : values[k];
    });
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
