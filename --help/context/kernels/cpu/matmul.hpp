// Products of bfloat16 matrices, summed in float32, in blocks of 32 x 32: by AMX tiles where the processor has
// them, by AVX-512 dot products of pairs elsewhere. Both read the same layouts.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "bf16.hpp"

namespace wavesynth::training {

/// One product A · B of those that are summed.
struct Term {
    const bf16* a;     ///< [rows][k], rows `a_stride` apart
    int a_stride;
    const bf16* b;     ///< [columns / 16][k / 2][16][2], blocks of 16 columns `b_stride` apart
    int b_stride;
    int k;             ///< a multiple of 32
};

/// c [32][32] (+)= the sum of the terms.
using Block = void (*)(const Term* terms, int count, float* c, int c_stride, bool add);

#define WAVESYNTH_AMX __attribute__((target("amx-tile,amx-bf16")))

WAVESYNTH_AMX inline void block_amx(const Term* terms, int count, float* c, int c_stride, bool add) {
    float* lower = c + 16 * std::int64_t(c_stride);
    const std::int64_t bytes = 4 * std::int64_t(c_stride);
    if (add) {
        _tile_loadd(0, c, bytes);
        _tile_loadd(1, c + 16, bytes);
        _tile_loadd(2, lower, bytes);
        _tile_loadd(3, lower + 16, bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int i = 0; i < count; i++) {
        const Term& term = terms[i];
        const std::int64_t stride = 2 * std::int64_t(term.a_stride);
        const bf16 *a = term.a, *below = a + 16 * std::int64_t(term.a_stride), *b = term.b;
        for (int k = 0; k < term.k; k += 32) {
            _tile_loadd(4, a + k, stride);
            _tile_loadd(6, b + k * 16, 64);
            _tile_loadd(7, b + term.b_stride + k * 16, 64);
            _tile_loadd(5, below + k, stride);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, bytes);
    _tile_stored(1, c + 16, bytes);
    _tile_stored(2, lower, bytes);
    _tile_stored(3, lower + 16, bytes);
}

inline void block_avx512(const Term* terms, int count, float* c, int c_stride, bool add) {
    constexpr int rows = 8;
    for (int row = 0; row < 32; row += rows) {
        __m512 sum[rows][2];
        for (int r = 0; r < rows; r++)
            for (int half = 0; half < 2; half++)
                sum[r][half] = add ? _mm512_loadu_ps(c + std::int64_t(row + r) * c_stride + 16 * half) : _mm512_setzero_ps();
        for (int i = 0; i < count; i++) {
            const Term& term = terms[i];
            const bf16* a = term.a + std::int64_t(row) * term.a_stride;
            for (int k = 0; k < term.k; k += 2) {
                const auto left = (__m512bh)_mm512_loadu_si512(term.b + k * 16);
                const auto right = (__m512bh)_mm512_loadu_si512(term.b + term.b_stride + k * 16);
                for (int r = 0; r < rows; r++) {
                    int two;
                    __builtin_memcpy(&two, a + std::int64_t(r) * term.a_stride + k, 4);
                    const auto both = (__m512bh)_mm512_set1_epi32(two);
                    sum[r][0] = _mm512_dpbf16_ps(sum[r][0], both, left);
                    sum[r][1] = _mm512_dpbf16_ps(sum[r][1], both, right);
                }
            }
        }
        for (int r = 0; r < rows; r++)
            for (int half = 0; half < 2; half++)
                _mm512_storeu_ps(c + std::int64_t(row + r) * c_stride + 16 * half, sum[r][half]);
    }
}

inline bool has_amx() {
    return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
           syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
}

/// Shapes this thread's tiles; for as long as it multiplies.
class Tiles {
public:
    explicit Tiles(bool amx) : amx_(amx) {
        if (amx_) configure();
    }
    ~Tiles() {
        if (amx_) release();
    }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

private:
    WAVESYNTH_AMX static void configure() {
        struct alignas(64) {
            std::uint8_t palette = 1, start = 0, reserved[14] = {};
            std::uint16_t row_bytes[16] = {};
            std::uint8_t rows[16] = {};
        } shape;
        for (int i = 0; i < 8; i++) shape.row_bytes[i] = 64, shape.rows[i] = 16;
        asm volatile("" ::: "memory");  // the intrinsic does not say that it reads all of it
        _tile_loadconfig(&shape);
    }
    WAVESYNTH_AMX static void release() { _tile_release(); }
    bool amx_;
};

/// c [m][n] (+)= the sum of the terms; m and n are multiples of 32.
inline void multiply(Block block, const Term* terms, int count, int m, int n, float* c, int c_stride, bool add = false) {
    constexpr int most = 4;
    for (int row = 0; row < m; row += 32)
        for (int column = 0; column < n; column += 32) {
            Term part[most];
            for (int i = 0; i < count; i++) {
                part[i] = terms[i];
                part[i].a += std::int64_t(row) * terms[i].a_stride;
                part[i].b += std::int64_t(column / 16) * terms[i].b_stride;
            }
            block(part, count, c + std::int64_t(row) * c_stride + column, c_stride, add);
        }
}

/// A long sum, in parts of which the left operand stays in the first-level cache.
inline void multiply_long(Block block, Term term, int m, int n, float* c, int c_stride) {
    constexpr int part = 256;
    for (int k = 0; k < term.k; k += part) {
        Term some = term;
        some.a += k;
        some.b += std::int64_t(k) * 16;
        some.k = term.k - k < part ? term.k - k : part;
        multiply(block, &some, 1, m, n, c, c_stride, k > 0);
    }
}

/// A weight matrix as a right operand. `at(k, n)` is its element.
template <class At>
void pack(std::vector<bf16>& to, int k, int n, At at) {
    to.resize(std::size_t(k) * n);
    for (int column = 0; column < n; column++)
        for (int row = 0; row < k; row++)
            to[std::size_t(column / 16) * k * 16 + (row / 2) * 32 + (column % 16) * 2 + row % 2] = round_bf16(at(row, column));
}

}  // namespace wavesynth::training
