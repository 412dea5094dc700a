// What a WaveNet pays for known audio, and the gradients, for training on a processor with bfloat16 products.
// The definition is `WaveNet.forward` of wavesynth/models/wavenet.py and the cross-entropy; this computes the same
// from bfloat16 products summed in float32, one crop a thread.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "training_backward.hpp"
#include "training_forward.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace wavesynth::training {

using Floats = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const std::int64_t, nb::c_contig, nb::device::cpu>;
using Probabilities = nb::ndarray<bf16, nb::c_contig, nb::device::cpu>;  // bfloat16, which NumPy sees as uint16

template <class T>
Parameters<T> parameters(const std::vector<Floats>& arrays) {
    Parameters<T> p;
    if (arrays.size() != p.number) throw std::invalid_argument("there must be 10 arrays of parameters");
    for (std::size_t i = 0; i < p.number; i++) *p.members()[i] = arrays[i].data();
    return p;
}

/// The passes over one batch. What the forward pass keeps lives as long as this.
class Loss {
public:
    Loss(std::vector<int> dilations, int residual, int skip, int classes, int hop, std::vector<Floats> weights, Integers tokens,
         Integers targets, Floats conditioning, std::optional<Probabilities> teacher, float share, std::optional<Floats> inverse_scales,
         int first, bool backward, int threads, bool amx)
        : shape_{std::move(dilations), residual, skip, classes, hop},
          arrays_(std::move(weights)), tokens_(tokens), targets_(targets), conditioning_(conditioning),
          teacher_(std::move(teacher)), share_(share), inverse_scales_(std::move(inverse_scales)), first_(first), threads_(threads), batch_(int(tokens.shape(0))),
          times_(int(tokens.shape(1))),
          w_(parameters<const float>(arrays_)), packed_(shape_, w_, backward), backward_(backward), amx_(amx) {
        for (int n : {residual, skip, classes, hop})
            if (n < 32 || n % 32) throw std::invalid_argument("channels and hop must be multiples of 32");
        if (amx && !has_amx()) throw std::invalid_argument("this processor has no AMX");
        if (times_ % hop || conditioning.size() != std::size_t(batch_) * (times_ / hop) * shape_.layers() * 2 * residual)
            throw std::invalid_argument("conditioning must have a frame for each hop of the tokens");
        if (teacher_ && teacher_->size() != std::size_t(batch_) * times_ * classes)
            throw std::invalid_argument("teacher must have a distribution for each of the tokens");
        if (inverse_scales_ && inverse_scales_->size() != std::size_t(shape_.layers()) * 2 * residual)
            throw std::invalid_argument("inverse_scales must have two for each layer's channel");
    }

    /// Fills `nats` [B, T], whose times before the first that counts stay as they are; and, where it is given,
    /// `probabilities` [B, T, A], which are zero or true there.
    void forward(Floats nats, std::optional<Probabilities> probabilities) {
        nb::gil_scoped_release release;
        kept_.clear();
        for (int i = 0; i < (backward_ ? batch_ : threads_); i++) kept_.emplace_back(shape_, times_);
        share([&](std::atomic<int>& next, int thread) {
            Forward pass(block(), shape_, w_, packed_);
            for (int i; (i = next++) < batch_;) {
                const Kept& kept = kept_[backward_ ? i : thread];
                pass.run(crop(i), kept, nats.data() + std::int64_t(i) * times_);
                const std::size_t count = std::size_t(times_) * shape_.classes;
                if (probabilities) std::memcpy(probabilities->data() + i * count, kept.p.data(), count * sizeof(bf16));
            }
        });
    }

    /// From the gradient `by` [B, T] of the nats: those of the parameters, and of the conditioning.
    void backward(Floats by, std::vector<Floats> parameters_out, Floats conditioning) {
        nb::gil_scoped_release release;
        const auto out = parameters<float>(parameters_out);
        std::vector<Gradients> gradients;
        for (int i = 0; i < batch_; i++) gradients.emplace_back(shape_);
        const std::int64_t frames = std::int64_t(times_ / shape_.hop) * shape_.layers() * 2 * shape_.residual;
        share([&](std::atomic<int>& next, int) {
            Backward pass(block(), shape_, packed_);
            for (int i; (i = next++) < batch_;)
                pass.run(crop(i), kept_[i], by.data() + std::int64_t(i) * times_, gradients[i], conditioning.data() + i * frames);
        });
        for (const auto& each : gradients) gather(each.of, out);  // in one order, whichever thread did what
    }

    Loss(const Loss&) = delete;

private:
    Block block() const { return amx_ ? block_amx : block_avx512; }

    template <class Work>
    void share(Work work) {
        std::atomic<int> next{0};
        const auto run = [&](int thread) {
            Tiles tiles(amx_);
            work(next, thread);
        };
        std::vector<std::thread> others;
        for (int i = 1; i < threads_; i++) others.emplace_back(run, i);
        run(0);
        for (auto& other : others) other.join();
    }

    Crop crop(int i) const {
        const std::int64_t at = std::int64_t(i) * times_;
        const std::int64_t frame = std::int64_t(times_ / shape_.hop) * shape_.layers() * 2 * shape_.residual;
        const bf16* teacher = teacher_ ? teacher_->data() + at * shape_.classes : nullptr;
        return {tokens_.data() + at, targets_.data() + at, conditioning_.data() + i * frame, teacher, share_, inverse_scales_ ? inverse_scales_->data() : nullptr,
                times_, first_};
    }

    void gather(Parameters<float> from, Parameters<float> to) const {
        const std::int64_t L = shape_.layers(), R = shape_.residual, S = shape_.skip;
        const auto add = [](const float* x, float* y, std::size_t n) {
            for (std::size_t i = 0; i < n; i++) y[i] += x[i];
        };
        const auto sizes = Parameters<float>::sizes(shape_);
        for (std::size_t i = 0; i < from.number; i++)
            if (*to.members()[i] != to.skip) add(*from.members()[i], *to.members()[i], sizes[i]);
        for (std::int64_t l = 0; l < L; l++)  // [L, S, R] to [S, L * R]
            for (std::int64_t s = 0; s < S; s++) add(from.skip + (l * S + s) * R, to.skip + s * L * R + l * R, R);
    }

    const Shape shape_;
    const std::vector<Floats> arrays_;
    const Integers tokens_, targets_;
    const Floats conditioning_;
    const std::optional<Probabilities> teacher_;
    const float share_;
    const std::optional<Floats> inverse_scales_;
    const int first_, threads_, batch_, times_;
    const Parameters<const float> w_;
    const Packed packed_;
    const bool backward_, amx_;
    std::vector<Kept> kept_;
};

}  // namespace wavesynth::training

NB_MODULE(_training, m) {
    using wavesynth::training::Floats;
    using wavesynth::training::Integers;
    using wavesynth::training::Loss;
    using wavesynth::training::Probabilities;
    nb::class_<Loss>(m, "Loss")
        .def(nb::init<std::vector<int>, int, int, int, int, std::vector<Floats>, Integers, Integers, Floats,
                      std::optional<Probabilities>, float, std::optional<Floats>, int, bool, int, bool>(),
             "dilations"_a, "residual"_a, "skip"_a, "classes"_a, "hop"_a, "weights"_a, "tokens"_a, "targets"_a,
             "conditioning"_a, "teacher"_a.none(), "share"_a, "inverse_scales"_a.none(), "first"_a, "backward"_a, "threads"_a, "amx"_a)
        .def("forward", &Loss::forward, "nats"_a, "probabilities"_a.none())
        .def("backward", &Loss::backward, "by"_a, "parameters"_a, "conditioning"_a);
    m.def("has_amx", &wavesynth::training::has_amx);
}
