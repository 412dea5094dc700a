// Rows of K numbers, a lane a frame, and the logarithm and the power of two of them. Every operation is rounded on its
// own, and none of another lane. Included once for each instruction set.
#pragma once
#include <cstdint>
#include <cstring>

namespace wavesynth::WAVESYNTH_ISA {

template <int K>
struct Rows {
  typedef float Floats __attribute__((vector_size(4 * K)));
  typedef int32_t Ints __attribute__((vector_size(4 * K)));
};

template <int K>
inline typename Rows<K>::Floats row(const float* p) {
  typename Rows<K>::Floats x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
template <class V>
inline void put_row(float* p, V x) { std::memcpy(p, &x, sizeof x); }

constexpr int kAbreast = 4;  // rows of which a polynomial is computed side by side, so that none waits for the last step

template <int K, class Step>
inline __attribute__((always_inline)) void each(typename Rows<K>::Floats* rows, Step step) {
  static_assert(kAbreast == 4);
  rows[0] = step(0, rows[0]), rows[1] = step(1, rows[1]), rows[2] = step(2, rows[2]), rows[3] = step(3, rows[3]);
}

// log10 of rows of positive numbers, by Cephes' polynomial for the logarithm between 1/sqrt(2) and sqrt(2).
template <int K>
inline __attribute__((always_inline)) void logarithms(typename Rows<K>::Floats* x) {
  using V = typename Rows<K>::Floats;
  using I = typename Rows<K>::Ints;
  V whole[kAbreast], p[kAbreast];
  each<K>(whole, [&](int i, V) { return (V)(((I)x[i] - 0x3f3504f3) >> 23); });
  each<K>(x, [&](int i, V x) { return (V)((I)x - ((I)whole[i] << 23)) - 1.0f; });
  each<K>(p, [&](int i, V) { return x[i] * 7.0376836292e-2f; });
  each<K>(p, [&](int i, V p) { return (p - 1.1514610310e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p + 1.1676998740e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p - 1.2420140846e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p + 1.4249322787e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p - 1.6668057665e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p + 2.0000714765e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p - 2.4999993993e-1f) * x[i]; });
  each<K>(x, [&](int i, V x) { const V square = x * x; return x + ((p[i] + 3.3333331174e-1f) * x * square - 0.5f * square); });
  each<K>(x, [&](int i, V x) { return x * 0.434294482f + __builtin_convertvector((I)whole[i], V) * 0.301029996f; });
}

// 2 to the power of rows of numbers between -100 and 100: a polynomial for what is left of the nearest whole number, 1 at 0.
template <int K>
inline __attribute__((always_inline)) void powers_of_two(typename Rows<K>::Floats* x) {
  using V = typename Rows<K>::Floats;
  using I = typename Rows<K>::Ints;
  V shifted[kAbreast], p[kAbreast];
  each<K>(shifted, [&](int i, V) { return x[i] + 12582912.0f; });  // whose last bits are the whole number
  each<K>(x, [&](int i, V x) { return x - (shifted[i] - 12582912.0f); });
  each<K>(p, [&](int i, V) { return x[i] * 1.3264727313e-3f; });
  each<K>(p, [&](int i, V p) { return (p + 9.6715129912e-3f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p + 5.5507335812e-2f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p + 2.4022242427e-1f) * x[i]; });
  each<K>(p, [&](int i, V p) { return (p + 6.9314700365e-1f) * x[i]; });
  each<K>(x, [&](int i, V) { return (V)((I)(p[i] + 1.0f) + ((I)shifted[i] << 23)); });
}

}  // namespace wavesynth::WAVESYNTH_ISA
