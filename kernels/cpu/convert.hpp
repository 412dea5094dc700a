// One frame of the converter (wavesynth/models/converter.py): gated recurrent units as PyTorch's nn.GRU has them,
//
//     r = sigmoid(W_r x + U_r m)   z = sigmoid(W_z x + U_z m)   n = tanh(W_n x + r U_n m)   m = (1 - z) n + z m
//
// with a bias in each product. Included once for each instruction set, after that set's simd_*.hpp.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "dense.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// exp of what lies between -80 and 80, by Cephes' polynomial.
inline float exponential(float x) {
  const float scaled = x * 1.44269504f;
  const int32_t whole = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5f : 0.5f)), bits = (whole + 127) * (1 << 23);
  const float n = static_cast<float>(whole), r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f, power;
  p = p * r + 1.3981999507e-3f, p = p * r + 8.3334519073e-3f, p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f, p = p * r + 5.0000001201e-1f;
  std::memcpy(&power, &bits, 4);
  return (p * r * r + r + 1.0f) * power;
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(std::min(std::max(-x, -80.0f), 80.0f))); }

inline float hyperbolic_tangent(float x) {
  const float e = exponential(std::max(-2.0f * std::fabs(x), -80.0f)), y = (1.0f - e) / (1.0f + e);
  return x < 0 ? -y : y;
}

void convert(const ConverterTables& s, const float* const* windows, float* const* memories, float* const* frames, int count) {
  constexpr int kTogether = 4;
  const size_t C = s.channels;
  std::vector<float> both(kTogether * 2 * C), input(kTogether * 3 * C), recurrent(kTogether * 3 * C);
  for (int first = 0; first < count; first += kTogether) {
    const int many = std::min(kTogether, count - first);
    const float *said[kTogether], *x[kTogether], *memory[kTogether];  // both: what is heard, and the top layer's memory
    for (int i = 0; i < many; i++) said[i] = x[i] = both.data() + i * 2 * C;
    dense(s.hear, windows + first, many, [&](int i, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) both[i * 2 * C + output + k] = std::max(values[k], 0.0f);
    });
    for (int layer = 0; layer < s.layers; layer++) {
      for (int i = 0; i < many; i++) memory[i] = memories[first + i] + layer * C;
      auto into = [&](std::vector<float>& to) {
        return [&to, C](int i, int output, const float* values, int n) { std::copy(values, values + n, to.data() + i * 3 * C + output); };
      };
      dense(s.input[layer], x, many, into(input)), dense(s.recurrent[layer], memory, many, into(recurrent));
      for (int i = 0; i < many; i++) {
        const float *a = input.data() + i * 3 * C, *b = recurrent.data() + i * 3 * C;
        float* m = memories[first + i] + layer * C;
        for (size_t k = 0; k < C; k++) {
          const float r = sigmoid(a[k] + b[k]), z = sigmoid(a[C + k] + b[C + k]);
          const float n = hyperbolic_tangent(a[2 * C + k] + r * b[2 * C + k]);
          m[k] = (1.0f - z) * n + z * m[k];
        }
        x[i] = m;
      }
    }
    for (int i = 0; i < many; i++) std::copy(x[i], x[i] + C, both.data() + i * 2 * C + C);
    dense(s.say, said, many, [&](int i, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) frames[first + i][output + k] = std::max(values[k], s.silence);
    });
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
