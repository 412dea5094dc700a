// The Python classes Plane, PlaneStream and DeviceStep.
#include "plane.hpp"

namespace wavesynth {

// Samples [n], int16 or float32, or mel frames [f, bands].
void push(PlaneStream& self, nb::ndarray<nb::c_contig, nb::device::cpu, nb::ro> piece) {
  AnalysisStream& analysis = self.analysis;
  if (analysis.kind == InputKind::duration) throw nb::type_error("a stream of a given duration takes no input");
  const bool floats = piece.dtype() == nb::dtype<float>(), mel = analysis.kind == InputKind::mel;
  if (!floats && (mel || piece.dtype() != nb::dtype<int16_t>())) throw nb::type_error(mel ? "mel must be float32" : "samples must be int16 or float32");
  if (mel ? piece.ndim() != 2 || static_cast<int64_t>(piece.shape(1)) != analysis.bands() : piece.ndim() != 1)
    throw nb::value_error(mel ? "mel must be [frames, bands]" : "samples must be one channel, [n]");
  auto keep = [&](auto* first) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(first)>>;
    const size_t count = piece.size();
    nb::gil_scoped_release unlocked;
    analysis.input.push(std::vector<T>(first, first + count));
  };
  if (floats) return keep(static_cast<const float*>(piece.data()));
  keep(static_cast<const int16_t*>(piece.data()));
}

std::optional<int64_t> known_total(const PlaneStream& self) {
  const int64_t samples = total(self);
  return samples < 0 ? std::nullopt : std::optional(samples);
}

// Does some work without the interpreter's lock.
template <class Work>
auto unlocked(Work work) {
  nb::gil_scoped_release released;
  return work();
}
// An array for Python, of any values.
template <class T>
nb::ndarray<nb::numpy, T> room(std::initializer_list<size_t> shape) {
  size_t size = 1;
  for (size_t length : shape) size *= length;
  T* data = new T[size];
  return {data, shape, nb::capsule(data, [](void* p) noexcept { delete[] static_cast<T*>(p); })};
}

// A DeviceStep for Python, which keeps its streams alive. Each call is made without the interpreter's lock.
class HeldStep {
 public:
  HeldStep(Plane& plane, const nb::sequence& streams, int n) : streams_(streams) {
    nb::gil_scoped_release unlocked;
    const Busy busy(streams_.all);
    step_ = plane.step(streams_.all, n);
  }

  auto spans(int frames) {
    const size_t count = unlocked([&] { return step_->find_spans(frames); });
    const size_t length = count ? step_->span(frames) : 0;
    auto samples = room<float>({count, length});
    unlocked([&] { step_->copy_spans(frames, samples.data()); });
    return samples;
  }
  void hear(int frames, const Array<float>& features) {
    expect("features", features, {step_->spans(), static_cast<size_t>(frames), static_cast<size_t>(step_->bands())});
    unlocked([&] { step_->hear(frames, features.data()); });
  }
  auto heard() { return given(unlocked([&] { return step_->heard(); })); }
  // The mel frames under the windows of all streams, and how many windows each has.
  auto condition() {
    const size_t bands = step_->bands();
    const std::vector<int32_t> counts = step_->windows();
    size_t rows = 0;
    for (int32_t count : counts) rows += count + DeviceStep::kAround;
    auto mel = room<float>({rows, bands});
    unlocked([&] { step_->condition(mel.data()); });
    return std::pair(mel, given(counts));
  }
  void filter(size_t first, size_t end, const Array<float>& drawn) {
    check(first, end);
    expect("drawn", drawn, {end - first, static_cast<size_t>(step_->samples())});
    unlocked([&] { step_->filter(first, end, drawn.data()); });
  }
  // Samples, target log-mel, and which frames are corrected.
  auto blocks(int rounds) {
    const size_t bands = step_->bands();
    const auto [count, joint] = unlocked([&] { return step_->find_blocks(rounds); });
    const size_t length = count ? step_->block(rounds) : 0, frames = joint + rounds - 1;
    auto samples = room<float>({count, length}), targets = room<float>({count, frames, bands}), active = room<float>({count, frames});
    if (count) unlocked([&] { step_->copy_blocks(rounds, samples.data(), targets.data(), active.data()); });
    return std::tuple(samples, targets, active);
  }
  void commit(int rounds, const Array<float>& projected) {
    const size_t count = step_->blocks();
    expect("projected", projected, {count, count ? static_cast<size_t>(step_->block(rounds)) : 0});
    unlocked([&] { step_->commit(rounds, projected.data()); });
  }
  auto take(size_t first, size_t end) {
    std::vector<int16_t> samples;
    std::vector<int32_t> counts;
    check(first, end);
    unlocked([&] { step_->take(first, end, samples, counts); });
    return std::pair(given(samples), given(counts));
  }

 private:
  void check(size_t first, size_t end) const {
    if (first > end || end > step_->size()) throw nb::index_error("the step has not so many streams");
  }

  const Streams streams_;
  std::unique_ptr<DeviceStep> step_;
};

void add_plane(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<PlaneStream>(m, "PlaneStream")
      .def("push", &push, "piece"_a)
      .def("finish", [](PlaneStream& self) { self.analysis.input.finish(); })
      .def_prop_ro("index", [](const PlaneStream& self) { return self.index.load(); })
      .def_prop_ro("total", &known_total)
      .def_prop_ro("first_sample", [](const PlaneStream& self) { return self.first_sample; })
      .def_prop_ro("lead", [](const PlaneStream& self) { return std::max<int64_t>(0, (self.correction ? self.correction->held_back : 0) - self.index); });
  // Of the arguments, counted from 1 behind the plane itself, those whose memory it reads live as long as it does.
  nb::class_<Plane>(m, "Plane")
      .def(nb::init<Int8Sampler*, Array<uint8_t>, int, Array<float>, double, int, const LogMel*, const Conditioner*, const Converter*,
                    const SpectralProjector*, int, int, int, float>(),
           "sampler"_a.none(), "queues"_a, "token"_a, "levels"_a, "preemphasis"_a, "hop"_a, "log_mel"_a.none(), "conditioner"_a.none(), "converter"_a.none(),
           "projector"_a.none(), "bands"_a, "past"_a, "look_ahead"_a, "silence"_a,
           nb::keep_alive<1, 2>(), nb::keep_alive<1, 8>(), nb::keep_alive<1, 9>(), nb::keep_alive<1, 10>(), nb::keep_alive<1, 11>())
      .def("open", &Plane::open, "kind"_a, "samples"_a, "speaker"_a, "seed"_a, "inverse_temperature"_a, "correction"_a,
           "first_sample"_a, "frame"_a.none(), "resampler"_a.none(), "resampling_shape"_a, "resume_frame"_a, "memory"_a.none(),
           nb::keep_alive<0, 1>(), nb::keep_alive<0, 10>())
      .def("ready", nb::overload_cast<const nb::sequence&, const std::vector<int>&>(&Plane::ready, nb::const_), "streams"_a, "n"_a)
      .def("advance", &Plane::advance, "streams"_a, "n"_a, "two_cores"_a = false);
  nb::class_<HeldStep>(m, "DeviceStep")
      .def(nb::init<Plane&, const nb::sequence&, int>(), "plane"_a, "streams"_a, "n"_a, nb::keep_alive<1, 2>())
      .def("spans", &HeldStep::spans, "frames"_a)
      .def("hear", &HeldStep::hear, "frames"_a, "features"_a)
      .def("heard", &HeldStep::heard)
      .def("condition", &HeldStep::condition)
      .def("filter", &HeldStep::filter, "first"_a, "end"_a, "drawn"_a)
      .def("blocks", &HeldStep::blocks, "rounds"_a)
      .def("commit", &HeldStep::commit, "rounds"_a, "projected"_a)
      .def("take", &HeldStep::take, "first"_a, "end"_a);
}

}  // namespace wavesynth
