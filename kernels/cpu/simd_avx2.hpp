// Sixteen lanes in two AVX2 registers. AVX2 multiplies unsigned bytes by signed ones and adds two products in 16 bits,
// where sums saturate. So the unsigned bytes are the magnitudes of activations, and the weights take their signs.
#pragma once
#include <immintrin.h>

#include <cstdint>

#include "network.hpp"

namespace wavesynth::WAVESYNTH_ISA {

struct Floats { __m256 a, b; };
struct Ints { __m256i a, b; };
using Sums = Ints;
struct Quad { __m256i magnitudes, signs; };  // four consecutive activations, repeated
using SmallQuad = __m256i;
struct Block { __m256i a, b; };              // weights: each 8 rows x 4 columns

constexpr int kMaxBatch = 4;
constexpr int blocks(int batch) { return batch == 1 ? 4 : batch == 2 ? 2 : 1; }
constexpr int kOffset = 128;
constexpr int kPrefetch = 512;
constexpr int kMostColumns = kMaxChannels;

inline Floats load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline Ints load(const int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
inline void store(float* p, Floats x) { _mm256_storeu_ps(p, x.a), _mm256_storeu_ps(p + 8, x.b); }
inline void store(int32_t* p, Ints x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), x.b);
}
inline Floats splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Ints splat(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline Floats add(Floats x, Floats y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
inline Ints add(Ints x, Ints y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
inline Floats sub(Floats x, Floats y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
inline Floats mul(Floats x, Floats y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
inline Floats div(Floats x, Floats y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
inline Floats min(Floats x, Floats y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
inline Floats max(Floats x, Floats y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
inline Ints shift_left(Ints x, int n) { return {_mm256_slli_epi32(x.a, n), _mm256_slli_epi32(x.b, n)}; }
inline Ints shift_right(Ints x, int n) { return {_mm256_srai_epi32(x.a, n), _mm256_srai_epi32(x.b, n)}; }
inline Ints round(Floats x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
inline Floats to_floats(Ints x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
inline Floats as_floats(Ints x) { return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }
inline float highest(Floats x) {
  alignas(32) float lane[8];
  _mm256_store_ps(lane, _mm256_max_ps(x.a, x.b));
  float result = lane[0];
  for (int i = 1; i < 8; i++) result = lane[i] > result ? lane[i] : result;
  return result;
}
inline int32_t total(Ints x) {
  alignas(32) int32_t lane[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lane), _mm256_add_epi32(x.a, x.b));
  int32_t result = 0;
  for (int32_t value : lane) result += value;
  return result;
}

inline __m256i words(Ints x) {  // saturated to 16 bits, in order
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
}
inline void store_signed(uint8_t* p, Ints x) {
  __m256i w = words(x);
  __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(0x80))));
}
inline void store_unsigned(uint8_t* p, Ints x) {
  __m256i w = words(x);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packus_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1)));
}

// The activations of a product. With a = bytes - 128, a * w = |a| * w, or, where a is negative, |a| * ~w + |a|, as ~w is
// -w - 1. Two such products are between -2 * 128 * 128 and 2 * 128 * 127, which 16 bits hold.
template <class Weights>
struct Operand {
  alignas(64) uint8_t magnitudes[kMostColumns], signs[kMostColumns];  // signs: all bits, where a is negative
  int32_t negative = 0;  // the sum of |a| there
  void prepare(const uint8_t* bytes, int columns) {
    __m128i sum = _mm_setzero_si128();
    for (int k = 0; k < columns; k += 16) {
      const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + k));
      const __m128i a = _mm_xor_si128(x, _mm_set1_epi8(static_cast<char>(0x80))), magnitude = _mm_abs_epi8(a);
      const __m128i sign = _mm_cmpgt_epi8(_mm_setzero_si128(), a);
      _mm_store_si128(reinterpret_cast<__m128i*>(magnitudes + k), magnitude);
      _mm_store_si128(reinterpret_cast<__m128i*>(signs + k), sign);
      sum = _mm_add_epi32(sum, _mm_sad_epu8(_mm_and_si128(magnitude, sign), _mm_setzero_si128()));
    }
    negative = _mm_cvtsi128_si32(sum) + _mm_extract_epi32(sum, 2);
  }
};
// Two products of an unsigned byte and a small weight fit 16 bits as they are: 2 * 255 * 64.
template <>
struct Operand<SmallWeights> {
  const uint8_t* bytes;
  void prepare(const uint8_t* x, int) { bytes = x; }
};

inline __m256i repeated(const uint8_t* x) { return _mm256_set1_epi32(*reinterpret_cast<const int32_t*>(x)); }
inline Quad quad(const Operand<AnyWeights>& x, int k) { return {repeated(x.magnitudes + k), repeated(x.signs + k)}; }
inline SmallQuad quad(const Operand<SmallWeights>& x, int k) { return repeated(x.bytes + k); }
inline Sums begin(const int32_t* start) { return load(start); }
inline Block read_block(const int8_t* weights) {
  const auto* p = reinterpret_cast<const __m256i*>(weights);
  return {_mm256_load_si256(p), _mm256_load_si256(p + 1)};
}
inline __m256i plus_pairs(__m256i sums, __m256i products) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(products, _mm256_set1_epi16(1)));
}
inline void accumulate(Sums& sums, Quad x, Block w) {
  sums.a = plus_pairs(sums.a, _mm256_maddubs_epi16(x.magnitudes, _mm256_xor_si256(w.a, x.signs)));
  sums.b = plus_pairs(sums.b, _mm256_maddubs_epi16(x.magnitudes, _mm256_xor_si256(w.b, x.signs)));
}
inline void accumulate(Sums& sums, SmallQuad x, Block w) {
  sums.a = plus_pairs(sums.a, _mm256_maddubs_epi16(x, w.a));
  sums.b = plus_pairs(sums.b, _mm256_maddubs_epi16(x, w.b));
}
inline Ints finish(Sums sums, const Operand<AnyWeights>& x) { return add(sums, splat(x.negative)); }
inline Ints finish(Sums sums, const Operand<SmallWeights>&) { return sums; }

}  // namespace wavesynth::WAVESYNTH_ISA
