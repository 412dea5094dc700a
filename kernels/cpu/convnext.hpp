// The arithmetic of convnext_tables.hpp, in the order that stands here: the bits are the same in all instruction sets and
// for any `count`. Included once for each instruction set, after that set's simd_*.hpp.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "convnext_tables.hpp"
#include "dense.hpp"

namespace wavesynth::WAVESYNTH_ISA {

constexpr int kStepsTogether = 4;

// x times a sigmoid of straight lines (torch.nn.functional.hardswish).
inline float hard_swish(float x) { return x * std::min(std::max(x + 3.0f, 0.0f), 6.0f) / 6.0f; }

// (x - mean) / sqrt(variance + 1e-5) * scale + shift over `n` channels, a multiple of 16; sums run in 16 lanes, which are
// added in order.
inline void normalise(const float* x, const float* scale, const float* shift, float* y, int n) {
  auto total = [](Floats sums) {
    alignas(64) float lane[16];
    store(lane, sums);
    float sum = 0;
    for (float value : lane) sum += value;
    return sum;
  };
  Floats sums = splat(0.0f), squares = splat(0.0f);
  for (int k = 0; k < n; k += 16) sums = add(sums, load(x + k));
  const float mean = total(sums) / static_cast<float>(n);
  for (int k = 0; k < n; k += 16) {
    const Floats apart = sub(load(x + k), splat(mean));
    squares = add(squares, mul(apart, apart));
  }
  const float factor = 1.0f / std::sqrt(total(squares) / static_cast<float>(n) + 1e-5f);
  for (int k = 0; k < n; k += 16)
    store(y + k, add(mul(mul(sub(load(x + k), splat(mean)), splat(factor)), load(scale + k)), load(shift + k)));
}

// dense() of `count` rows that lie one behind the other.
template <class Use>
inline void dense_rows(const DenseLayer& layer, const float* x, int count, Use use) {
  const float* rows[kStepsTogether];
  for (int i = 0; i < count; i++) rows[i] = x + static_cast<size_t>(i) * layer.inputs;
  dense(layer, rows, count, use);
}

inline auto into(float* y, int width) {
  return [y, width](int i, int output, const float* values, int n) { std::copy(values, values + n, y + static_cast<size_t>(i) * width + output); };
}

void convnext_input(const ConvNextTables& t, const float* x, float* y, int count) {
  for (int first = 0; first < count; first += kStepsTogether) {
    const size_t at = first;
    dense_rows(t.input, x + at * t.inputs, std::min(kStepsTogether, count - first), into(y + at * t.channels, t.channels));
  }
}

void convnext_block(const ConvNextTables& t, const ConvNextBlock& b, const float* x, float* y, int count) {
  const int C = t.channels;
  std::vector<float> normed(static_cast<size_t>(kStepsTogether) * C), inner(static_cast<size_t>(kStepsTogether) * t.inner), convolved(C);
  for (int first = 0; first < count; first += kStepsTogether) {
    const int many = std::min(kStepsTogether, count - first);
    const float* from = x + static_cast<size_t>(first) * C;
    float* to = y + static_cast<size_t>(first) * C;
    for (int i = 0; i < many; i++) {
      for (int k = 0; k < C; k += 16) {
        Floats sum = load(b.depthwise_bias + k);
        for (int tap = 0; tap < t.kernel; tap++)
          sum = add(sum, mul(load(b.depthwise + static_cast<size_t>(tap) * C + k), load(from + static_cast<size_t>(i + tap) * C + k)));
        store(convolved.data() + k, sum);
      }
      normalise(convolved.data(), b.scale, b.shift, normed.data() + static_cast<size_t>(i) * C, C);
    }
    dense_rows(b.up, normed.data(), many, [&](int i, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) inner[static_cast<size_t>(i) * t.inner + output + k] = hard_swish(values[k]);
    });
    dense_rows(b.down, inner.data(), many, [&](int i, int output, const float* values, int n) {
      const size_t own = static_cast<size_t>(i) * C + output;
      const float* residual = from + own + static_cast<size_t>(t.kernel / 2) * C;
      for (int k = 0; k < n; k++) to[own + k] = residual[k] + values[k];
    });
  }
}

void convnext_output(const ConvNextTables& t, const float* x, float* y, int count) {
  const size_t C = t.channels;
  std::vector<float> normed(kStepsTogether * C);
  for (int first = 0; first < count; first += kStepsTogether) {
    const int many = std::min(kStepsTogether, count - first);
    for (int i = 0; i < many; i++) normalise(x + (first + i) * C, t.scale, t.shift, normed.data() + i * C, t.channels);
    dense_rows(t.output, normed.data(), many, into(y + static_cast<size_t>(first) * t.outputs, t.outputs));
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
