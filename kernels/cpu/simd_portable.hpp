// Sixteen lanes as an array: plain C++, for any processor.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "network.hpp"

namespace wavesynth::WAVESYNTH_ISA {

template <class T>
struct Lanes {
  T lane[16];
};
using Floats = Lanes<float>;
using Ints = Lanes<int32_t>;
using Sums = Ints;
struct Quad { int32_t x[4]; };
using Block = const int8_t*;

constexpr int kMaxBatch = 2;
constexpr int blocks(int batch) { return 1; }
constexpr int kOffset = 0;
constexpr int kPrefetch = 0;
constexpr int kMostColumns = kMaxLayers * kMaxResidual;

template <class R, class T, class F>
inline Lanes<R> map(Lanes<T> a, F f) {
  Lanes<R> r;
  for (int i = 0; i < 16; i++) r.lane[i] = f(a.lane[i]);
  return r;
}
template <class T, class F>
inline Lanes<T> zip(Lanes<T> a, Lanes<T> b, F f) {
  Lanes<T> r;
  for (int i = 0; i < 16; i++) r.lane[i] = f(a.lane[i], b.lane[i]);
  return r;
}

template <class T>
inline Lanes<T> load(const T* p) {
  Lanes<T> r;
  std::memcpy(r.lane, p, sizeof r.lane);
  return r;
}
template <class T>
inline void store(T* p, Lanes<T> x) { std::memcpy(p, x.lane, sizeof x.lane); }
template <class T>
inline Lanes<T> splat(T x) {
  Lanes<T> r;
  for (T& value : r.lane) value = x;
  return r;
}
template <class T>
inline Lanes<T> add(Lanes<T> a, Lanes<T> b) { return zip(a, b, [](T x, T y) { return x + y; }); }
inline Floats sub(Floats a, Floats b) { return zip(a, b, [](float x, float y) { return x - y; }); }
inline Floats mul(Floats a, Floats b) { return zip(a, b, [](float x, float y) { return x * y; }); }
inline Floats div(Floats a, Floats b) { return zip(a, b, [](float x, float y) { return x / y; }); }
inline Floats min(Floats a, Floats b) { return zip(a, b, [](float x, float y) { return x < y ? x : y; }); }
inline Floats max(Floats a, Floats b) { return zip(a, b, [](float x, float y) { return x > y ? x : y; }); }
inline Ints shift_left(Ints a, int n) { return map<int32_t>(a, [n](int32_t x) { return x * (1 << n); }); }
inline Ints shift_right(Ints a, int n) { return map<int32_t>(a, [n](int32_t x) { return x >> n; }); }
inline Ints round(Floats a) {
  return map<int32_t>(a, [](float x) { return static_cast<int32_t>(std::lrintf(x)); });
}
inline Floats to_floats(Ints a) { return map<float>(a, [](int32_t x) { return static_cast<float>(x); }); }
inline Floats as_floats(Ints a) {
  Floats r;
  std::memcpy(r.lane, a.lane, sizeof r.lane);
  return r;
}
inline float highest(Floats a) {
  float result = a.lane[0];
  for (float x : a.lane) result = x > result ? x : result;
  return result;
}
inline int32_t total(Ints a) {
  int32_t result = 0;
  for (int32_t x : a.lane) result += x;
  return result;
}

inline void store_signed(uint8_t* p, Ints x) {
  for (int i = 0; i < 16; i++) {
    int32_t v = x.lane[i];
    p[i] = static_cast<uint8_t>((v < -128 ? -128 : v > 127 ? 127 : v) + 128);
  }
}
inline void store_unsigned(uint8_t* p, Ints x) {
  for (int i = 0; i < 16; i++) {
    int32_t v = x.lane[i];
    p[i] = static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

template <class Weights>
struct Operand {
  const uint8_t* bytes;
  void prepare(const uint8_t* x, int) { bytes = x; }
};
template <class Weights>
inline Quad quad(const Operand<Weights>& operand, int k) {
  const uint8_t* x = operand.bytes + k;
  return {x[0], x[1], x[2], x[3]};
}
inline Sums begin(const int32_t* start) { return load(start); }
inline Block read_block(const int8_t* weights) { return weights; }
inline void accumulate(Sums& sums, Quad q, Block weights) {
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 4; k++) sums.lane[i] += q.x[k] * weights[4 * i + k];
}
template <class Weights>
inline Ints finish(Sums sums, const Operand<Weights>&) { return sums; }

}  // namespace wavesynth::WAVESYNTH_ISA
