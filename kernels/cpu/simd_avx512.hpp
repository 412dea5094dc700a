// Sixteen lanes in one AVX-512 register; the dot products are AVX-512 VNNI's.
#pragma once
#include <immintrin.h>

#include <cstdint>

#include "network.hpp"

namespace wavesynth::WAVESYNTH_ISA {

using Floats = __m512;
using Ints = __m512i;
using Sums = __m512i;   // sixteen running dot products
using Quad = __m512i;   // four consecutive activations, repeated
using Block = __m512i;  // weights: 16 rows x 4 columns

// Streams that share one reading of the weights, and blocks of 16 rows summed at once for each: their
// product is the number of registers that hold sums.
constexpr int kMaxBatch = 6;
constexpr int blocks(int batch) { return 4; }
constexpr int kOffset = 0;    // what a product takes from the bytes of its activations
constexpr int kPrefetch = 0;  // how far behind the weights that are read others are asked for, in bytes
constexpr int kMostColumns = kMaxLayers * kMaxResidual;  // of one product

inline Floats load(const float* p) { return _mm512_loadu_ps(p); }
inline Ints load(const int32_t* p) { return _mm512_loadu_si512(p); }
inline void store(float* p, Floats x) { _mm512_storeu_ps(p, x); }
inline void store(int32_t* p, Ints x) { _mm512_storeu_si512(p, x); }
inline Floats splat(float x) { return _mm512_set1_ps(x); }
inline Ints splat(int32_t x) { return _mm512_set1_epi32(x); }
inline Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats div(Floats a, Floats b) { return _mm512_div_ps(a, b); }
inline Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Ints shift_left(Ints a, int n) { return _mm512_slli_epi32(a, n); }
inline Ints shift_right(Ints a, int n) { return _mm512_srai_epi32(a, n); }
inline Ints round(Floats x) { return _mm512_cvtps_epi32(x); }
inline Floats to_floats(Ints x) { return _mm512_cvtepi32_ps(x); }
inline Floats as_floats(Ints x) { return _mm512_castsi512_ps(x); }
inline float highest(Floats x) { return _mm512_reduce_max_ps(x); }
inline int32_t total(Ints x) { return _mm512_reduce_add_epi32(x); }

// clamp to -128..127, plus 128; clamp to 0..255
inline void store_signed(uint8_t* p, Ints x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_xor_si128(_mm512_cvtsepi32_epi8(x), _mm_set1_epi8(static_cast<char>(0x80))));
}
inline void store_unsigned(uint8_t* p, Ints x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm512_cvtusepi32_epi8(_mm512_max_epi32(x, _mm512_setzero_si512())));
}

template <class Weights>
struct Operand {
  const uint8_t* bytes;
  void prepare(const uint8_t* x, int) { bytes = x; }
};
template <class Weights>
inline Quad quad(const Operand<Weights>& operand, int k) { return _mm512_set1_epi32(*reinterpret_cast<const int32_t*>(operand.bytes + k)); }
inline Sums begin(const int32_t* start) { return _mm512_loadu_si512(start); }
inline Block read_block(const int8_t* weights) { return _mm512_load_si512(weights); }
inline void accumulate(Sums& sums, Quad x, Block weights) {
  // Not the intrinsic: around it GCC 12 copies the sums from register to register, and halves the speed.
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(weights));
}
template <class Weights>
inline Ints finish(Sums sums, const Operand<Weights>&) { return sums; }

}  // namespace wavesynth::WAVESYNTH_ISA
