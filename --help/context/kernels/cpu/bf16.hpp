// bfloat16 for AVX-512: conversion, the two layouts that matrix products want of a [time, channels] array, and
// the elementary functions of the network.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace wavesynth::training {

using bf16 = std::uint16_t;

inline __m512 widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }

inline __m512 load(const bf16* from) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))); }

inline void store(bf16* to, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(x));
}

inline bf16 round_bf16(float x) {  // to the nearest, a tie to the even one
    std::uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    return bf16((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// 16 channels of two times, next to each other: what a product over time reads at once.
inline __m512i pair(const bf16* even, const bf16* odd) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(even)));
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(odd)));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

inline void transpose16(__m512i (&r)[16]) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/// 32 times of `channels` channels, as the right operand of a product over time: [channels / 16][times / 2][16][2],
/// of which these are times `at` and on of `times`.
inline void pack_times(const bf16* from, int stride, int channels, bf16* to, int times, int at) {
    for (int c = 0; c < channels; c += 16)
        for (int t = 0; t < 32; t += 2) {
            const bf16* row = from + std::int64_t(t) * stride + c;
            _mm512_store_si512(to + std::int64_t(c) * times + (at + t) * 16, pair(row, row + stride));
        }
}

/// The same times, as its left operand: [channels][times].
inline void transpose_times(const bf16* from, int stride, int channels, bf16* to, int times, int at) {
    for (int c = 0; c < channels; c += 16) {
        __m512i r[16];
        for (int t = 0; t < 16; t++) {
            const bf16* row = from + std::int64_t(2 * t) * stride + c;
            r[t] = pair(row, row + stride);
        }
        transpose16(r);
        for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + std::int64_t(c + i) * times + at, r[i]);
    }
}

/// e^x for x in [-87, 87]; relative error 1e-5, far below the rounding of what it is used for.
inline __m512 exponential(__m512 x) {
    const __m512 scaled = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
    const __m512 whole = _mm512_roundscale_ps(scaled, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(scaled, whole);
    __m512 p = _mm512_set1_ps(0.009676046669f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.05592212081f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.2402210683f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.6931210160f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.000000119f));
    return _mm512_scalef_ps(p, whole);
}

inline __m512 clamp(__m512 x, float limit) {
    return _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(limit)), _mm512_set1_ps(-limit));
}

/// The two factors of the gated unit: tanh(a) and σ(b).
inline void gate(__m512 a, __m512 b, __m512& tanh, __m512& sigmoid) {
    const __m512 one = _mm512_set1_ps(1);
    const __m512 ea = exponential(_mm512_mul_ps(clamp(a, 12), _mm512_set1_ps(-2)));
    const __m512 eb = exponential(_mm512_sub_ps(_mm512_setzero_ps(), clamp(b, 30)));
    tanh = _mm512_mul_ps(_mm512_sub_ps(one, ea), _mm512_rcp14_ps(_mm512_add_ps(one, ea)));
    sigmoid = _mm512_rcp14_ps(_mm512_add_ps(one, eb));
}

}  // namespace wavesynth::training
