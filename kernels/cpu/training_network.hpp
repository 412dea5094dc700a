// What the passes of training share: the network's shape, its weights in the layouts of the products, and the
// memory that a pass keeps for the other.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "matmul.hpp"

namespace wavesynth::training {

/// Memory in large pages where they can be had, kept for the next who wants as much: a step wants what the step
/// before gave back, and a fresh page costs as much as computing what it holds.
class Pool {
public:
    static void* take(std::size_t bytes) {
        const std::lock_guard guard(lock());
        auto& some = free()[bytes];
        if (!some.empty()) {
            void* memory = some.back();
            some.pop_back();
            return memory;
        }
        void* memory = std::aligned_alloc(page, bytes);
        if (!memory) throw std::bad_alloc();
        madvise(memory, bytes, MADV_HUGEPAGE);
        return memory;
    }
    static void give(void* memory, std::size_t bytes) {
        const std::lock_guard guard(lock());
        free()[bytes].push_back(memory);
    }
    static constexpr std::size_t page = 2 << 20;

private:
    static std::mutex& lock() {
        static std::mutex lock;
        return lock;
    }
    static std::map<std::size_t, std::vector<void*>>& free() {
        static auto* free = new std::map<std::size_t, std::vector<void*>>;  // outlives whoever gives back last
        return *free;
    }
};

/// `count` elements, not initialised.
template <class T>
class Buffer {
public:
    explicit Buffer(std::size_t count)
        : count_(count), memory_(static_cast<T*>(Pool::take(bytes(count))), Give{bytes(count)}) {}
    T* data() const { return memory_.get(); }
    T* operator+(std::ptrdiff_t at) const { return memory_.get() + at; }
    void clear() { std::memset(memory_.get(), 0, count_ * sizeof(T)); }

private:
    struct Give {
        std::size_t bytes;
        void operator()(T* memory) const { Pool::give(memory, bytes); }
    };
    static std::size_t bytes(std::size_t count) { return (count * sizeof(T) + Pool::page - 1) / Pool::page * Pool::page; }
    std::size_t count_;
    std::unique_ptr<T[], Give> memory_;
};

struct Shape {
    std::vector<int> dilations;
    int residual, skip, classes, hop;
    int layers() const { return int(dilations.size()); }
    int longest() const {
        int longest = 0;
        for (int d : dilations) longest = d > longest ? d : longest;
        return longest;
    }
};

/// The parameters as PyTorch keeps them, or their gradients. Names and shapes are those of models/wavenet.py.
template <class T>
struct Parameters {
    T* embedding;      ///< [A, R]
    T* dilated;        ///< [L, 2R, 2R], columns (past, now)
    T* residual;       ///< [L, R, R]
    T* residual_bias;  ///< [L, R]
    T* skip;           ///< [S, L * R]
    T* skip_bias;      ///< [S]
    T* hidden;         ///< [A, S]
    T* hidden_bias;    ///< [A]
    T* output;         ///< [A, A]
    T* output_bias;    ///< [A]

    static constexpr int number = 10;
    std::array<T**, number> members() {
        return {&embedding, &dilated, &residual, &residual_bias, &skip, &skip_bias, &hidden, &hidden_bias, &output, &output_bias};
    }
    static std::array<std::size_t, number> sizes(const Shape& shape) {
        const std::size_t L = shape.layers(), R = shape.residual, S = shape.skip, A = shape.classes;
        return {A * R, L * 4 * R * R, L * R * R, L * R, S * L * R, S, A * S, A, A * A, A};
    }
};

/// The matrices as right operands, in bfloat16, for both passes.
struct Packed {
    std::vector<std::vector<bf16>> past, now, residual;               // forward, a layer each
    std::vector<std::vector<bf16>> past_t, now_t, residual_t, skip_t; // transposed, backward
    std::vector<bf16> skip, hidden, output, hidden_t, output_t;

    Packed(const Shape& shape, const Parameters<const float>& w, bool backward) {
        const int L = shape.layers(), R = shape.residual, S = shape.skip, A = shape.classes, both = 2 * R;
        for (auto* each : {&past, &now, &residual, &past_t, &now_t, &residual_t, &skip_t}) each->resize(L);
        for (int l = 0; l < L; l++) {
            const float *dilated = w.dilated + std::int64_t(l) * both * both, *res = w.residual + std::int64_t(l) * R * R;
            pack(past[l], R, both, [=](int k, int n) { return dilated[n * both + k]; });
            pack(now[l], R, both, [=](int k, int n) { return dilated[n * both + R + k]; });
            pack(residual[l], R, R, [=](int k, int n) { return res[n * R + k]; });
            if (!backward) continue;
            pack(past_t[l], both, R, [=](int k, int n) { return dilated[k * both + n]; });
            pack(now_t[l], both, R, [=](int k, int n) { return dilated[k * both + R + n]; });
            pack(residual_t[l], R, R, [=](int k, int n) { return res[k * R + n]; });
            pack(skip_t[l], S, R, [=](int k, int n) { return w.skip[std::int64_t(k) * L * R + l * R + n]; });
        }
        pack(skip, L * R, S, [=](int k, int n) { return w.skip[std::int64_t(n) * L * R + k]; });
        pack(hidden, S, A, [=](int k, int n) { return w.hidden[n * S + k]; });
        pack(output, A, A, [=](int k, int n) { return w.output[n * A + k]; });
        if (!backward) return;
        pack(hidden_t, A, S, [=](int k, int n) { return w.hidden[k * S + n]; });
        pack(output_t, A, A, [=](int k, int n) { return w.output[k * A + n]; });
    }
};

/// What the forward pass of one crop keeps: all that the backward pass does not rather compute again.
struct Kept {
    Buffer<bf16> x;       ///< [L, longest + T, R]: each layer's input, zeros before it begins
    Buffer<bf16> skip;    ///< [T, S] and
    Buffer<bf16> hidden;  ///< [T, A], after their ReLU
    Buffer<bf16> p;       ///< [T, A], probabilities

    Kept(const Shape& shape, int times)
        : x(std::size_t(shape.layers()) * (shape.longest() + times) * shape.residual),
          skip(std::size_t(times) * shape.skip),
          hidden(std::size_t(times) * shape.classes),
          p(std::size_t(times) * shape.classes) {
        for (int l = 0; l < shape.layers(); l++)
            std::memset(at(shape, times, l, -shape.longest()), 0, sizeof(bf16) * shape.longest() * shape.residual);
    }
    bf16* at(const Shape& shape, int times, int layer, int time) const {
        return x + (std::int64_t(layer) * (shape.longest() + times) + shape.longest() + time) * shape.residual;
    }
};

/// One crop: T times, a multiple of the hop.
struct Crop {
    const std::int64_t *tokens, *targets;  ///< [T]
    const float* conditioning;             ///< [F, L, 2R]
    const bf16* teacher;                   ///< [T, A], the distributions to learn from as well, or null
    float share;                           ///< of the teacher's distributions in what is learned from
    const float* inverse_scales;                    ///< [L, 2, R], of each layer's input and of its z in 8 bits, or null
    int times;
    int first;                             ///< the first time that counts
};

/// Channels from `i` on of `layer`'s input (`which` 0) or z (1): as 8 bits hold them, if there are inverse_scales.
class Rounding {
public:
    Rounding(const Crop& crop, const Shape& shape, int layer, int which, int i) : rounds_(crop.inverse_scales) {
        if (rounds_) inverse_scale_ = _mm512_loadu_ps(crop.inverse_scales + (std::int64_t(layer) * 2 + which) * shape.residual + i);
    }
    __m512 operator()(__m512 x) const {
        if (!rounds_) return x;
        const __m512 whole = _mm512_roundscale_ps(_mm512_mul_ps(x, inverse_scale_), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        return _mm512_div_ps(_mm512_max_ps(_mm512_set1_ps(-128), _mm512_min_ps(_mm512_set1_ps(127), whole)), inverse_scale_);
    }

private:
    bool rounds_;
    __m512 inverse_scale_ = _mm512_setzero_ps();
};

/// c [32][2R] = what goes into the gate of `layer` at 32 times from `time`, but for the conditioning.
inline void dilated(Block block, const Shape& shape, const Packed& packed, const Kept& kept, int times, int layer,
                    int time, float* c) {
    const int R = shape.residual;
    const Term terms[] = {
        {kept.at(shape, times, layer, time - shape.dilations[layer]), R, packed.past[layer].data(), R * 16, R},
        {kept.at(shape, times, layer, time), R, packed.now[layer].data(), R * 16, R},
    };
    multiply(block, terms, 2, 32, 2 * R, c, 2 * R);
}

}  // namespace wavesynth::training
