// The backward pass of training, from the last times to the first. What the forward pass would have had to keep of
// each layer (gates and activations) costs more to fetch from memory than to compute again.
#pragma once

#include "training_network.hpp"

namespace wavesynth::training {

/// The gradients of one crop, in float32. The skip weights are [L, S, R] here.
struct Gradients {
    Parameters<float> of;

    explicit Gradients(const Shape& shape) : memory(count(shape)) {
        memory.clear();
        float* at = memory.data();
        std::size_t i = 0;
        for (float** member : of.members()) *member = at, at += Parameters<float>::sizes(shape)[i++];
    }

private:
    static std::size_t count(const Shape& shape) {
        std::size_t count = 0;
        for (auto size : Parameters<float>::sizes(shape)) count += size;
        return count;
    }
    Buffer<float> memory;
};

class Backward {
public:
    Backward(Block block, const Shape& shape, const Packed& packed)
        : block_(block), shape_(shape), packed_(packed), R_(shape.residual), S_(shape.skip), A_(shape.classes),
          L_(shape.layers()), tile_(shape.hop * (shape.hop < 640 ? 640 / shape.hop : 1)),
          ring_((shape.longest() + 64 + 31) / 32 * 32), dx_(std::size_t(tile_) * R_),
          dh_(std::size_t(L_) * (ring_ + 32) * 2 * R_), rounded_(std::size_t(tile_) * R_), z_(std::size_t(tile_) * R_),
          dlogits_(std::size_t(tile_) * A_), dhidden_(std::size_t(tile_) * A_), dskip_(std::size_t(tile_) * S_),
          left_(std::size_t(tile_) * (2 * R_ > A_ ? 2 * R_ : A_)), dx_left_(std::size_t(tile_) * R_),
          dskip_left_(std::size_t(tile_) * S_), right_(std::size_t(tile_) * (A_ > S_ ? A_ : S_)), now_(std::size_t(tile_) * R_),
          past_(std::size_t(tile_) * R_), c_(32 * widest()), more_(32 * widest()) {}

    /// Adds the gradients of sum(nats · by) to `gradients`; writes the conditioning's, [F, L, 2R].
    void run(const Crop& crop, const Kept& kept, const float* by, Gradients& gradients, float* conditioning) {
        of_ = gradients.of;
        dh_.clear();
        std::memset(conditioning, 0, sizeof(float) * (crop.times / shape_.hop) * L_ * 2 * R_);
        for (int start = (crop.times - 1) / tile_ * tile_; start >= 0; start -= tile_) {
            const int count = crop.times - start < tile_ ? crop.times - start : tile_;
            const bool counts = start + count > crop.first;
            if (counts) head(crop, kept, start, count, by);
            std::memset(dx_.data(), 0, sizeof(float) * count * R_);
            for (int l = L_ - 1; l >= 0; l--) layer(crop, kept, start, count, l, counts, conditioning);
            for (int t = 0; t < count; t++) add(of_.embedding + crop.tokens[start + t] * R_, dx_ + t * R_, R_);
        }
    }

private:
    int widest() const {
        int widest = 2 * R_;
        for (int n : {S_, A_}) widest = n > widest ? n : widest;
        return widest;
    }

    static void add(float* to, const float* from, int n) {
        for (int i = 0; i < n; i += 16) _mm512_storeu_ps(to + i, _mm512_add_ps(_mm512_loadu_ps(to + i), _mm512_loadu_ps(from + i)));
    }

    /// gradient [m][n] += left [m][count] · right [n / 16][count / 2][16][2], a sum over times.
    void accumulate(const bf16* left, const bf16* right, int count, int m, int n, float* gradient, int stride) {
        const Term term{left, count, right, count * 16, count};
        multiply(block_, &term, 1, m, n, gradient, stride, true);
    }

    /// to [32][n] = c where the unit was on; its column sums go to the bias.
    void through_relu(const float* c, const bf16* unit, int n, bf16* to, float* bias) {
        for (int i = 0; i < n; i += 16) {
            __m512 sum = _mm512_loadu_ps(bias + i);
            for (int r = 0; r < 32; r++) {
                const __mmask16 on = _mm512_cmp_ps_mask(load(unit + r * n + i), _mm512_setzero_ps(), _CMP_GT_OQ);
                const __m512 d = _mm512_maskz_loadu_ps(on, c + r * n + i);
                sum = _mm512_add_ps(sum, d);
                store(to + r * n + i, d);
            }
            _mm512_storeu_ps(bias + i, sum);
        }
    }

    void head(const Crop& crop, const Kept& kept, int start, int count, const float* by) {
        const auto& g = of_;
        const bf16 *hidden = kept.hidden + std::int64_t(start) * A_, *skip = kept.skip + std::int64_t(start) * S_;
        for (int t = 0; t < count; t += 32) {
            bf16 *dlogits = dlogits_ + t * A_, *dhidden = dhidden_ + t * A_;
            for (int r = 0; r < 32; r++) {
                const int at = start + t + r;
                const __m512 scale = _mm512_set1_ps(at < crop.first ? 0.0f : by[at]);
                const int target = int(crop.targets[at]);
                const __m512 known = _mm512_set1_ps(crop.teacher ? 1 - crop.share : 1), share = _mm512_set1_ps(crop.share);
                for (int i = 0; i < A_; i += 16) {
                    __m512 d = load(kept.p + std::int64_t(at) * A_ + i);
                    if (target / 16 == i / 16) d = _mm512_mask_sub_ps(d, __mmask16(1 << (target - i)), d, known);
                    if (crop.teacher) d = _mm512_fnmadd_ps(load(crop.teacher + std::int64_t(at) * A_ + i), share, d);
                    d = _mm512_mul_ps(d, scale);
                    store(dlogits + r * A_ + i, d);
                    _mm512_storeu_ps(g.output_bias + i, _mm512_add_ps(_mm512_loadu_ps(g.output_bias + i), d));
                }
            }
            const Term to_hidden{dlogits, A_, packed_.output_t.data(), A_ * 16, A_};
            multiply(block_, &to_hidden, 1, 32, A_, c_.data(), A_);
            through_relu(c_.data(), hidden + t * A_, A_, dhidden, g.hidden_bias);
            const Term to_skip{dhidden, A_, packed_.hidden_t.data(), A_ * 16, A_};
            multiply(block_, &to_skip, 1, 32, S_, c_.data(), S_);
            through_relu(c_.data(), skip + t * S_, S_, dskip_ + t * S_, g.skip_bias);
        }
        for (int t = 0; t < count; t += 32) {
            transpose_times(dlogits_ + t * A_, A_, A_, left_.data(), count, t);
            pack_times(hidden + t * A_, A_, A_, right_.data(), count, t);
        }
        accumulate(left_.data(), right_.data(), count, A_, A_, g.output, A_);
        for (int t = 0; t < count; t += 32) {
            transpose_times(dhidden_ + t * A_, A_, A_, left_.data(), count, t);
            pack_times(skip + t * S_, S_, S_, right_.data(), count, t);
            transpose_times(dskip_ + t * S_, S_, S_, dskip_left_.data(), count, t);
        }
        accumulate(left_.data(), right_.data(), count, A_, S_, g.hidden, S_);
    }

    /// Rows of `layer` from `time` on; 32 of them lie one after the other, from wherever.
    bf16* dh(int layer, int time) const { return dh_ + (std::int64_t(layer) * (ring_ + 32) + time % ring_) * 2 * R_; }

    void layer(const Crop& crop, const Kept& kept, int start, int count, int l, bool counts, float* conditioning) {
        const auto& g = of_;
        const int both = 2 * R_, d = shape_.dilations[l];
        const bool last = l + 1 == L_;
        for (int t = count - 32; t >= 0; t -= 32) {
            bf16 *dx = rounded_ + t * R_, *z = z_ + t * R_, *rows = dh(l, start + t);
            dilated(block_, shape_, packed_, kept, crop.times, l, start + t, c_.data());
            for (int i = 0; i < R_; i += 16) {
                __m512 sum = _mm512_setzero_ps();
                for (int r = 0; r < 32; r++) {
                    const __m512 x = _mm512_loadu_ps(dx_ + (t + r) * R_ + i);
                    sum = _mm512_add_ps(sum, x);
                    store(dx + r * R_ + i, x);
                }
                if (last) continue;
                float* bias = g.residual_bias + l * R_ + i;
                _mm512_storeu_ps(bias, _mm512_add_ps(_mm512_loadu_ps(bias), sum));
            }
            Term terms[2];
            int number = 0;
            if (!last) terms[number++] = {dx, R_, packed_.residual_t[l].data(), R_ * 16, R_};
            if (counts) terms[number++] = {dskip_ + t * S_, S_, packed_.skip_t[l].data(), S_ * 16, S_};
            multiply(block_, terms, number, 32, R_, more_.data(), R_);
            const std::int64_t frame = (std::int64_t((start + t) / shape_.hop) * L_ + l) * both;
            through_gate(crop, l, crop.conditioning + frame, z, rows, conditioning + frame);
            if ((start + t) % ring_ == 0) std::memcpy(rows + std::int64_t(ring_) * both, rows, sizeof(bf16) * 32 * both);
            const Term back[] = {{rows, both, packed_.now_t[l].data(), both * 16, both},
                                 {dh(l, start + t + d), both, packed_.past_t[l].data(), both * 16, both}};
            multiply(block_, back, 2, 32, R_, c_.data(), R_);
            add(dx_ + t * R_, c_.data(), 32 * R_);
            transpose_times(rows, both, both, left_.data(), count, t);
            if (!last) transpose_times(dx, R_, R_, dx_left_.data(), count, t);
            pack_times(z, R_, R_, right_.data(), count, t);
            pack_times(kept.at(shape_, crop.times, l, start + t), R_, R_, now_.data(), count, t);
            pack_times(kept.at(shape_, crop.times, l, start + t - d), R_, R_, past_.data(), count, t);
        }
        float* to_dilated = g.dilated + std::int64_t(l) * both * both;
        accumulate(left_.data(), past_.data(), count, both, R_, to_dilated, both);
        accumulate(left_.data(), now_.data(), count, both, R_, to_dilated + R_, both);
        if (!last) accumulate(dx_left_.data(), right_.data(), count, R_, R_, g.residual + std::int64_t(l) * R_ * R_, R_);
        if (counts) accumulate(dskip_left_.data(), right_.data(), count, S_, R_, g.skip + std::int64_t(l) * S_ * R_, R_);
    }

    /// From h (c_, without its conditioning) and dz (more_): z and dh, [32, R] and [32, 2R]; the sum of dh over the
    /// times is added to the frame's gradient.
    void through_gate(const Crop& crop, int l, const float* frame, bf16* z, bf16* dh, float* dframe) {
        const int both = 2 * R_;
        const __m512 one = _mm512_set1_ps(1);
        for (int i = 0; i < R_; i += 16) {
            const __m512 filter = _mm512_loadu_ps(frame + i), gated = _mm512_loadu_ps(frame + R_ + i);
            const Rounding rounded(crop, shape_, l, 1, i);
            __m512 filter_sum = _mm512_setzero_ps(), gate_sum = _mm512_setzero_ps();
            for (int r = 0; r < 32; r++) {
                __m512 tanh, sigmoid;
                gate(_mm512_add_ps(_mm512_loadu_ps(c_ + r * both + i), filter),
                     _mm512_add_ps(_mm512_loadu_ps(c_ + r * both + R_ + i), gated), tanh, sigmoid);
                const __m512 dz = _mm512_loadu_ps(more_ + r * R_ + i), activation = _mm512_mul_ps(tanh, sigmoid);
                const __m512 dfilter = _mm512_mul_ps(_mm512_mul_ps(dz, sigmoid), _mm512_fnmadd_ps(tanh, tanh, one));
                const __m512 dgate = _mm512_mul_ps(_mm512_mul_ps(dz, activation), _mm512_sub_ps(one, sigmoid));
                store(z + r * R_ + i, rounded(activation));
                store(dh + r * both + i, dfilter);
                store(dh + r * both + R_ + i, dgate);
                filter_sum = _mm512_add_ps(filter_sum, dfilter);
                gate_sum = _mm512_add_ps(gate_sum, dgate);
            }
            _mm512_storeu_ps(dframe + i, _mm512_add_ps(_mm512_loadu_ps(dframe + i), filter_sum));
            _mm512_storeu_ps(dframe + R_ + i, _mm512_add_ps(_mm512_loadu_ps(dframe + R_ + i), gate_sum));
        }
    }

    const Block block_;
    const Shape& shape_;
    const Packed& packed_;
    const int R_, S_, A_, L_, tile_, ring_;
    Parameters<float> of_;                       ///< the crop's gradients
    Buffer<float> dx_;                           ///< [tile, R]: of the layer's output, then of its input
    Buffer<bf16> dh_;                            ///< [L, ring + 32, 2R]: of h, its first 32 rows again at the end
    Buffer<bf16> rounded_, z_;                   ///< [tile, R]
    Buffer<bf16> dlogits_, dhidden_, dskip_;     ///< [tile, A], [tile, A], [tile, S]
    Buffer<bf16> left_, dx_left_, dskip_left_;   ///< transposed, [channels, tile]
    Buffer<bf16> right_, now_, past_;            ///< in pairs of times
    Buffer<float> c_, more_;                     ///< [32, ...]
};

}  // namespace wavesynth::training
