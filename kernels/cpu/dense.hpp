// A dense layer for several inputs at once, so that one reading of the weights serves all of them. Included once for each
// instruction set, after that set's simd_*.hpp.
#pragma once
#include <algorithm>

#include "stages.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// 16 outputs in each of `Tiles` groups for `Count` inputs, from output `first` on; `use(i, output, values, how many)`.
template <int Count, int Tiles, class Use>
inline void dense_tile(const DenseLayer& layer, const float* const* x, int first, Use use) {
  const size_t stride = static_cast<size_t>(layer.inputs) * 16;
  const float* w = layer.weights + static_cast<size_t>(first / 16) * stride;
  // Unrolled, so that every sum has a register of its own.
  Floats sums[Count][Tiles];
#pragma GCC unroll 8
  for (int i = 0; i < Count; i++)
#pragma GCC unroll 8
    for (int t = 0; t < Tiles; t++) sums[i][t] = layer.bias ? load(layer.bias + first + 16 * t) : splat(0.0f);
  for (int k = 0; k < layer.inputs; k++, w += 16) {
#pragma GCC unroll 8
    for (int t = 0; t < Tiles; t++) {
      const Floats weights = load(w + t * stride);
#pragma GCC unroll 8
      for (int i = 0; i < Count; i++) sums[i][t] = add(sums[i][t], mul(weights, splat(x[i][k])));
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Count; i++)
#pragma GCC unroll 8
    for (int t = 0; t < Tiles; t++) {
      alignas(64) float values[16];
      store(values, sums[i][t]);
      use(i, first + 16 * t, values, std::min(16, layer.outputs - first - 16 * t));
    }
}

template <int Count, class Use>
inline void dense_block(const DenseLayer& layer, const float* const* x, Use use) {
  constexpr int kTiles = Count == 1 ? 4 : Count == 2 ? 2 : 1;
  int first = 0;
  for (; first + 16 * kTiles <= layer.padded; first += 16 * kTiles) dense_tile<Count, kTiles>(layer, x, first, use);
  for (; first < layer.padded; first += 16) dense_tile<Count, 1>(layer, x, first, use);
}

// W x[i] + b for `count` inputs. `use(i, output, values, how many)` gets up to 16 outputs at a time.
template <class Use>
inline void dense(const DenseLayer& layer, const float* const* x, int count, Use use) {
  for (int i = 0; i < count; i += 4) {
    auto here = [&](int j, int output, const float* values, int n) { use(i + j, output, values, n); };
    switch (std::min(4, count - i)) {
      case 1: dense_block<1>(layer, x + i, here); break;
      case 2: dense_block<2>(layer, x + i, here); break;
      case 3: dense_block<3>(layer, x + i, here); break;
      default: dense_block<4>(layer, x + i, here);
    }
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
