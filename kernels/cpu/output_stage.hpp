// What is done to drawn samples beside the correction: de-emphasis, what was asked for, and 16 bits.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "plane_stream.hpp"

namespace wavesynth {

// y[t] = x[t] + coefficient y[t - 1], in double precision, as scipy.signal.lfilter computes it: the samples x[s][0..n) of
// each stream to y[s]. Each waits for the one before it, so some streams go side by side.
inline void deemphasize(double coefficient, PlaneStream* const* streams, const float* const* x, float* const* y, size_t count, int n) {
  constexpr int kTogether = 8;
  size_t first = 0;
  for (; first + kTogether <= count; first += kTogether) {
    double remembered[kTogether];
    const float* from[kTogether];
    float* to[kTogether];
    for (int i = 0; i < kTogether; i++) remembered[i] = streams[first + i]->remembered, from[i] = x[first + i], to[i] = y[first + i];
    for (int t = 0; t < n; t++)
#pragma GCC unroll 8
      for (int i = 0; i < kTogether; i++) {
        const double sample = from[i][t], out = remembered[i] + sample;
        remembered[i] = sample * 0.0 - out * -coefficient;
        to[i][t] = static_cast<float>(out);
      }
    for (int i = 0; i < kTogether; i++) streams[first + i]->remembered = remembered[i];
  }
  for (; first < count; first++) {
    double remembered = streams[first]->remembered;
    for (int t = 0; t < n; t++) {
      const double sample = x[first][t], out = remembered + sample;
      remembered = sample * 0.0 - out * -coefficient;
      y[first][t] = static_cast<float>(out);
    }
    streams[first]->remembered = remembered;
  }
}

// Within ±1 to 16 bits, rounded to even. Adding and taking away 1.5 · 2^52 rounds, without a call for each sample.
inline int16_t pcm16(float x) {
  constexpr double kRounding = 6755399441055744.0;
  double scaled = static_cast<double>(x) * 32768.0;
  scaled = scaled > -32768.0 ? scaled : -32768.0;
  scaled = scaled < 32767.0 ? scaled : 32767.0;
  return static_cast<int16_t>(static_cast<int32_t>(scaled + kRounding - kRounding));
}

// Appends what comes out of a stream, of which samples before the first wanted one are dropped; returns how many.
inline int32_t hand_out(PlaneStream& stream, const std::vector<float>& filtered, std::vector<int16_t>& samples) {
  const int64_t count = filtered.size();
  stream.out += count;
  const int64_t kept = std::min(count, std::max<int64_t>(0, stream.out - stream.first_sample));
  const size_t at = samples.size();
  samples.resize(at + kept);
  const float* from = filtered.data() + count - kept;
  for (int64_t i = 0; i < kept; i++) samples[at + i] = pcm16(from[i]);
  return static_cast<int32_t>(kept);
}

// Samples of the whole, or -1 as long as more input may come.
inline int64_t total(const PlaneStream& stream) { return stream.analysis.total(stream.analysis.input.counts()); }

}  // namespace wavesynth
