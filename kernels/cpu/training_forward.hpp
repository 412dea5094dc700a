// The forward pass of training: a tile of times at a time through all layers, so that what one layer hands to the
// next is still in the cache.
#pragma once

#include <cmath>

#include "training_network.hpp"

namespace wavesynth::training {

class Forward {
public:
    Forward(Block block, const Shape& shape, const Parameters<const float>& weights, const Packed& packed)
        : block_(block), shape_(shape), w_(weights), packed_(packed), R_(shape.residual), S_(shape.skip), A_(shape.classes),
          L_(shape.layers()), tile_(shape.hop * (shape.hop < 320 ? 320 / shape.hop : 1)), z_stride_(L_ * R_ + 32),
          residual_(std::size_t(tile_) * R_), z_(std::size_t(tile_) * z_stride_), skips_(std::size_t(tile_) * S_),
          c_(32 * std::size_t(2 * R_ > A_ ? 2 * R_ : A_)) {}

    /// Writes the nats [T] of every time from the first that counts; keeps what the backward pass needs.
    void run(const Crop& crop, const Kept& kept, float* nats) {
        for (int start = 0; start < crop.times; start += tile_) {
            const int count = crop.times - start < tile_ ? crop.times - start : tile_;
            embed(crop, kept, start, count);
            for (int l = 0; l < L_; l++) layer(crop, kept, start, count, l);
            if (start + count > crop.first)
                head(crop, kept, start, count, nats);
            else
                no_head(kept, start, count);
        }
    }

private:
    void embed(const Crop& crop, const Kept& kept, int start, int count) {
        for (int t = 0; t < count; t++) {
            const float* row = w_.embedding + crop.tokens[start + t] * R_;
            for (int i = 0; i < R_; i += 16) {
                const __m512 x = _mm512_loadu_ps(row + i);
                _mm512_storeu_ps(residual_ + t * R_ + i, x);
                store(kept.at(shape_, crop.times, 0, start + t) + i, Rounding(crop, shape_, 0, 0, i)(x));
            }
        }
    }

    void layer(const Crop& crop, const Kept& kept, int start, int count, int l) {
        for (int t = 0; t < count; t += 32) {
            dilated(block_, shape_, packed_, kept, crop.times, l, start + t, c_.data());
            const float* frame = crop.conditioning + (std::int64_t((start + t) / shape_.hop) * L_ + l) * 2 * R_;
            bf16* z = z_ + std::int64_t(t) * z_stride_ + l * R_;
            for (int i = 0; i < R_; i += 16) {
                const __m512 filter = _mm512_loadu_ps(frame + i), gated = _mm512_loadu_ps(frame + R_ + i);
                const Rounding rounded(crop, shape_, l, 1, i);
                for (int r = 0; r < 32; r++) {
                    __m512 tanh, sigmoid;
                    gate(_mm512_add_ps(_mm512_loadu_ps(c_ + r * 2 * R_ + i), filter),
                         _mm512_add_ps(_mm512_loadu_ps(c_ + r * 2 * R_ + R_ + i), gated), tanh, sigmoid);
                    store(z + std::int64_t(r) * z_stride_ + i, rounded(_mm512_mul_ps(tanh, sigmoid)));
                }
            }
            if (l + 1 == L_) continue;  // nobody reads what it would add
            const Term term{z, z_stride_, packed_.residual[l].data(), R_ * 16, R_};
            multiply(block_, &term, 1, 32, R_, c_.data(), R_);
            for (int i = 0; i < R_; i += 16) {
                const __m512 bias = _mm512_loadu_ps(w_.residual_bias + l * R_ + i);
                const Rounding rounded(crop, shape_, l + 1, 0, i);
                for (int r = 0; r < 32; r++) {
                    float* stream = residual_ + (t + r) * R_ + i;
                    const __m512 x = _mm512_add_ps(_mm512_loadu_ps(stream), _mm512_add_ps(_mm512_loadu_ps(c_ + r * R_ + i), bias));
                    _mm512_storeu_ps(stream, x);
                    store(kept.at(shape_, crop.times, l + 1, start + t + r) + i, rounded(x));
                }
            }
        }
    }

    /// to [32][n] = relu(c + bias)
    void relu(const float* c, int c_stride, const float* bias, int n, bf16* to) {
        for (int i = 0; i < n; i += 16)
            for (int r = 0; r < 32; r++)
                store(to + r * n + i, _mm512_max_ps(_mm512_setzero_ps(), _mm512_add_ps(_mm512_loadu_ps(c + r * c_stride + i),
                                                                                      _mm512_loadu_ps(bias + i))));
    }

    void head(const Crop& crop, const Kept& kept, int start, int count, float* nats) {
        multiply_long(block_, {z_.data(), z_stride_, packed_.skip.data(), L_ * R_ * 16, L_ * R_}, count, S_, skips_.data(), S_);
        for (int t = 0; t < count; t += 32) {
            bf16 *skip = kept.skip + std::int64_t(start + t) * S_, *hidden = kept.hidden + std::int64_t(start + t) * A_;
            relu(skips_ + t * S_, S_, w_.skip_bias, S_, skip);
            const Term to_hidden{skip, S_, packed_.hidden.data(), S_ * 16, S_};
            multiply(block_, &to_hidden, 1, 32, A_, c_.data(), A_);
            relu(c_.data(), A_, w_.hidden_bias, A_, hidden);
            const Term to_output{hidden, A_, packed_.output.data(), A_ * 16, A_};
            multiply(block_, &to_output, 1, 32, A_, c_.data(), A_);
            for (int r = 0; r < 32; r++) {
                const int at = start + t + r;
                const bf16* teacher = crop.teacher ? crop.teacher + std::int64_t(at) * A_ : nullptr;
                const float cost =
                    softmax(c_ + r * A_, int(crop.targets[at]), teacher, crop.share, kept.p + std::int64_t(at) * A_);
                if (at >= crop.first) nats[at] = cost;
            }
        }
    }

    /// The backward pass may look at them, in tiles of another size.
    void no_head(const Kept& kept, int start, int count) {
        std::memset(kept.skip + std::int64_t(start) * S_, 0, sizeof(bf16) * count * S_);
        std::memset(kept.hidden + std::int64_t(start) * A_, 0, sizeof(bf16) * count * A_);
        std::memset(kept.p + std::int64_t(start) * A_, 0, sizeof(bf16) * count * A_);
    }

    /// p = softmax(logits + bias); returns -log p[target], or of a share the mean of -log p over the teacher.
    float softmax(float* logits, int target, const bf16* teacher, float share, bf16* p) {
        __m512 most = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps();
        for (int i = 0; i < A_; i += 16) {
            const __m512 x = _mm512_add_ps(_mm512_loadu_ps(logits + i), _mm512_loadu_ps(w_.output_bias + i));
            _mm512_storeu_ps(logits + i, x);
            most = _mm512_max_ps(most, x);
        }
        const float largest = _mm512_reduce_max_ps(most);
        float wanted = logits[target] - largest;
        __m512 taught = _mm512_setzero_ps();
        for (int i = 0; i < A_; i += 16) {
            const __m512 below = _mm512_sub_ps(_mm512_loadu_ps(logits + i), _mm512_set1_ps(largest));
            if (teacher) taught = _mm512_fmadd_ps(load(teacher + i), below, taught);
            const __m512 e = exponential(_mm512_max_ps(below, _mm512_set1_ps(-87)));
            _mm512_storeu_ps(logits + i, e);
            sum = _mm512_add_ps(sum, e);
        }
        if (teacher) wanted += share * (_mm512_reduce_add_ps(taught) - wanted);
        const float total = _mm512_reduce_add_ps(sum);
        for (int i = 0; i < A_; i += 16)
            store(p + i, _mm512_mul_ps(_mm512_loadu_ps(logits + i), _mm512_set1_ps(1 / total)));
        return std::log(total) - wanted;
    }

    const Block block_;
    const Shape& shape_;
    const Parameters<const float>& w_;
    const Packed& packed_;
    const int R_, S_, A_, L_, tile_, z_stride_;
    Buffer<float> residual_;  ///< [tile, R]: the layers' input, in full
    Buffer<bf16> z_;          ///< [tile, L * R], and some to keep rows off the same cache sets
    Buffer<float> skips_;     ///< [tile, S]
    Buffer<float> c_;         ///< [32, ...]
};

}  // namespace wavesynth::training
