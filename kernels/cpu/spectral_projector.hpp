// The class SpectralProjector: keeps the correction's tables, checks its arguments, and runs the iterations of one
// instruction set without the interpreter's lock.
#pragma once

#include "arrays.hpp"
#include "instruction_sets.hpp"

namespace wavesynth {

class SpectralProjector {
 public:
  SpectralProjector(int hop, int iterations, Array<float> analysis, Array<float> bank, Array<float> scaling, Array<float> synthesis,
          Array<float> spread, float floor, float cut, float boost, float power, const std::string& instruction_set)
      : set(choose(instruction_set)) {
    if (analysis.ndim() != 1 || scaling.ndim() != 1 || bank.ndim() != 2) throw std::invalid_argument("analysis and scaling must be vectors, bank a matrix");
    const size_t window = analysis.shape(0), inner = scaling.shape(0), bands = bank.shape(0);
    if (window > 1024 || inner > window || hop < 1) throw std::invalid_argument("analysis must be of at most 1,024 samples, scaling of no more, and hop at least 1");
    expect("bank", bank, {bands, size_t{kBins}}), expect("synthesis", synthesis, {inner}), expect("spread", spread, {bands, size_t{kBins}});
    analysis_.assign(analysis.data(), analysis.data() + window);
    scaling_.assign(scaling.data(), scaling.data() + inner);
    for (size_t i = 0; i < bands * kBins; i++) bank_.push_back(bank.data()[i] / 4);
    for (size_t i = 0; i < inner; i++) synthesis_.push_back(synthesis.data()[i] / 1024);
    for (size_t band = 0; band < bands; band++) {
      const float* row = bank_.data() + band * kBins;
      int first = 0, end = kBins;
      while (first < end && !row[first]) first++;
      while (end > first && !row[end - 1]) end--;
      first_bin_.push_back(first), end_bin_.push_back(end);
    }
    const float binary = 1.44269504f;  // from natural to base-2 logarithms
    for (int k = 0; k < kBins; k++) {
      auto part = [&](size_t band) { return band < bands ? spread.data()[band * kBins + k] : 0.0f; };
      size_t band = 0, others = 0;
      while (band + 1 < bands && !part(band)) band++;
      for (size_t other = band + 2; other < bands; other++) others += part(other) != 0;
      if (others) throw std::invalid_argument("bin " + std::to_string(k) + " lies in more than two bands, or in two that are no neighbours");
      lower_band_.push_back(static_cast<int>(band)), lower_.push_back(part(band) * binary), upper_.push_back(part(band + 1) * binary);
    }
    projection_ = {static_cast<int>(window), hop, static_cast<int>(bands), static_cast<int>(inner), iterations,
                 analysis_.data(), bank_.data(), first_bin_.data(), end_bin_.data(), scaling_.data(), synthesis_.data(),
                 lower_band_.data(), lower_.data(), upper_.data(), floor, cut, boost, power};
  }
  SpectralProjector(const SpectralProjector&) = delete;
  SpectralProjector& operator=(const SpectralProjector&) = delete;

  // samples [B, n] are changed in place; target_mel [B, frames, bands], active [B, frames].
  void project(nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> samples, Array<float> target_mel, Array<float> active) const {
    if (target_mel.ndim() != 3) throw std::invalid_argument("target_mel must have three dimensions");
    const size_t B = samples.shape(0), n = samples.shape(1), frames = target_mel.shape(1), bands = projection_.bands;
    expect("target_mel", target_mel, {B, frames, bands}), expect("active", active, {B, frames});
    const size_t needed = frames ? (frames - 1) * projection_.hop + projection_.window : 0;
    if (n != needed) throw std::invalid_argument("samples has " + std::to_string(n) + " columns; it must be " + std::to_string(needed));
    if (!frames) return;
    nb::gil_scoped_release unlocked;
    std::vector<float*> at(B);
    std::vector<const float*> targets(B), actives(B);
    for (size_t row = 0; row < B; row++)
      at[row] = samples.data() + row * n, targets[row] = target_mel.data() + row * frames * bands, actives[row] = active.data() + row * frames;
    set.project_all(projection_, at.data(), targets.data(), actives.data(), static_cast<int>(frames), static_cast<int>(B));
  }

  const ProjectionTables& tables() const { return projection_; }
  const InstructionSet& set;

 private:
  std::vector<float> analysis_, bank_, scaling_, synthesis_, lower_, upper_;
  std::vector<int> first_bin_, end_bin_, lower_band_;
  ProjectionTables projection_;
};

}  // namespace wavesynth
