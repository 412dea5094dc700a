// Sixteen lanes in two AVX2 registers. AVX2's 8-bit dot product saturates, so that the weights and the
// activations are widened to 16 bits first: half as fast, and exact.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace wavesynth::WAVESYNTH_ISA {

struct Floats { __m256 a, b; };
struct Ints { __m256i a, b; };
struct Sums { __m256i part[4]; };  // each: 4 rows x (the even and the odd pair of columns)
using Quad = __m256i;
struct Block { __m256i words[4]; };

constexpr int kMaxBatch = 2;
constexpr int blocks(int batch) { return batch == 1 ? 2 : 1; }

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

inline Quad quad(const uint8_t* x) {
  return _mm256_cvtepu8_epi16(_mm_set1_epi32(*reinterpret_cast<const int32_t*>(x)));
}
inline Sums begin(const int32_t* start) {
  Sums sums;
  for (int i = 0; i < 4; i++)  // each row's start in the first of its two lanes
    sums.part[i] = _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(start + 4 * i)));
  return sums;
}
inline Block read_block(const int8_t* weights) {
  Block block;
  for (int i = 0; i < 4; i++)
    block.words[i] = _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(weights + 16 * i)));
  return block;
}
inline void accumulate(Sums& sums, Quad x, const Block& weights) {
  for (int i = 0; i < 4; i++) sums.part[i] = _mm256_add_epi32(sums.part[i], _mm256_madd_epi16(x, weights.words[i]));
}
inline Ints finish(Sums sums) {
  const __m256i order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
  return {_mm256_permutevar8x32_epi32(_mm256_hadd_epi32(sums.part[0], sums.part[1]), order),
          _mm256_permutevar8x32_epi32(_mm256_hadd_epi32(sums.part[2], sums.part[3]), order)};
}

}  // namespace wavesynth::WAVESYNTH_ISA
