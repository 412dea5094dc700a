// The Python class Settler: keeps what the correction reads, checks what it is given, and runs the steps of one
// instruction set without the interpreter's lock.
#include <nanobind/stl/string.h>

#include "instruction_sets.hpp"

namespace wavesynth {

class Settler {
 public:
  Settler(int hop, int steps, Array<float> analysis, Array<float> bank, Array<float> scaling, Array<float> synthesis,
          Array<float> spread, float floor, float cut, float boost, float power, const std::string& instruction_set)
      : set_(choose(instruction_set)) {
    if (analysis.ndim() != 1 || scaling.ndim() != 1 || bank.ndim() != 2) throw std::invalid_argument("analysis and scaling must be vectors, bank a matrix");
    const size_t window = analysis.shape(0), inner = scaling.shape(0), bands = bank.shape(0);
    if (window > 1024 || inner > window || hop < 1) throw std::invalid_argument("analysis must be of at most 1,024 samples, scaling of no more, and hop at least 1");
    expect("bank", bank, {bands, size_t{kBins}}), expect("synthesis", synthesis, {inner}), expect("spread", spread, {bands, size_t{kBins}});
    analysis_.assign(analysis.data(), analysis.data() + window);
    scaling_.assign(scaling.data(), scaling.data() + inner);
    bank_.assign(bank.data(), bank.data() + bands * kBins);
    for (size_t i = 0; i < inner; i++) synthesis_.push_back(synthesis.data()[i] / 2048);
    for (size_t band = 0; band < bands; band++) {
      const float* row = bank_.data() + band * kBins;
      int first = 0, end = kBins;
      while (first < end && !row[first]) first++;
      while (end > first && !row[end - 1]) end--;
      first_bin_.push_back(first), end_bin_.push_back(end);
    }
    for (int k = 0; k < kBins; k++) {
      auto part = [&](size_t band) { return band < bands ? spread.data()[band * kBins + k] : 0.0f; };
      size_t band = 0, others = 0;
      while (band + 1 < bands && !part(band)) band++;
      for (size_t other = band + 2; other < bands; other++) others += part(other) != 0;
      if (others) throw std::invalid_argument("bin " + std::to_string(k) + " lies in more than two bands, or in two that are no neighbours");
      lower_band_.push_back(static_cast<int>(band)), lower_.push_back(part(band)), upper_.push_back(part(band + 1));
    }
    settling_ = {static_cast<int>(window), hop, static_cast<int>(bands), static_cast<int>(inner), steps,
                 analysis_.data(), bank_.data(), first_bin_.data(), end_bin_.data(), scaling_.data(), synthesis_.data(),
                 lower_band_.data(), lower_.data(), upper_.data(), floor, cut, boost, power};
  }
  Settler(const Settler&) = delete;
  Settler& operator=(const Settler&) = delete;

  // samples [B, n] are changed in place; wanted [B, frames, bands], settled [B, frames].
  void settle(nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> samples, Array<float> wanted, Array<float> settled) const {
    if (wanted.ndim() != 3) throw std::invalid_argument("wanted must have three dimensions");
    const size_t B = samples.shape(0), n = samples.shape(1), frames = wanted.shape(1), bands = settling_.bands;
    expect("wanted", wanted, {B, frames, bands}), expect("settled", settled, {B, frames});
    const size_t needed = frames ? (frames - 1) * settling_.hop + settling_.window : 0;
    if (n != needed) throw std::invalid_argument("samples has " + std::to_string(n) + " columns; it must be " + std::to_string(needed));
    nb::gil_scoped_release unlocked;
    for (size_t row = 0; row < B && frames; row++)
      set_.settle(settling_, samples.data() + row * n, wanted.data() + row * frames * bands, settled.data() + row * frames, static_cast<int>(frames));
  }

 private:
  const InstructionSet& set_;
  std::vector<float> analysis_, bank_, scaling_, synthesis_, lower_, upper_;
  std::vector<int> first_bin_, end_bin_, lower_band_;
  Settling settling_;
};

void add_settler(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Settler>(m, "Settler")
      .def(nb::init<int, int, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, float, float, float, float, const std::string&>(),
           "hop"_a, "steps"_a, "analysis"_a, "bank"_a, "scaling"_a, "synthesis"_a, "spread"_a, "floor"_a, "cut"_a,
           "boost"_a, "power"_a, "instruction_set"_a = "")
      .def("settle", &Settler::settle, "samples"_a, "wanted"_a, "settled"_a);
}

}  // namespace wavesynth
