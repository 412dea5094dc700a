// The spectral correction of one stream: SpectralCorrection of wavesynth/audio/correction.py, which defines it. The
// projections are left to synthesis_step.hpp, which has them computed for many streams together.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "numbered_rows.hpp"
#include "projection_tables.hpp"

namespace wavesynth {

class CorrectionStream {
 public:
  CorrectionStream(const ProjectionTables& tables, int frames)
      : frames(frames), hop_(tables.hop), bands_(tables.bands), after_(frames - 1), margin_(tables.window / 2 - tables.inner / 2),
        block_(after_ * hop_ + tables.window), samples_(after_ * hop_ + tables.window / 2, 0.0f), before_(samples_.size() - margin_),
        targets_(-after_, tables.bands), active_(frames) {
    targets_.extend(0, 0.0f);
    const int64_t needed = before_ / hop_ * hop_ + block_ - static_cast<int64_t>(samples_.size());
    held_back = needed > 1 ? (needed + hop_ - 1) / hop_ * hop_ : 0;
  }

  // Takes target log-mel frames [count, bands], which may be ahead of the samples.
  void aim(const float* mel, int64_t count) {
    const int64_t end = targets_.end();
    targets_.extend(end + count, 0.0f);
    std::copy(mel, mel + count * bands_, targets_.row(end));
    known_ = end + count;
  }

  // Takes samples, and whether they are the last.
  void accept(const std::vector<float>& samples, bool last) {
    received_ += samples.size(), ended_ = last;
    samples_.insert(samples_.end(), samples.begin(), samples.end());
    const int64_t size = samples_.size();
    if (last) {
      const int64_t total = (received_ + hop_ - 1) / hop_;
      due_ = total + after_ - committed_;  // until the last is the oldest
      targets_.extend(total + after_, 0.0f);
      samples_.resize(size + block_ + due_ * hop_, 0.0f);
    } else {
      const int64_t by_samples = size < block_ ? 0 : (size - block_) / hop_ + 1;
      due_ = std::max<int64_t>(0, std::min(by_samples, targets_.end() - oldest() - frames + 1));
    }
  }

  // How many projections are due, each a hop after the last; then the first one's samples, target log-mel, and which
  // frames are corrected, or those of `rounds` projections in one row.
  int64_t due() const { return due_; }
  int64_t block(int rounds) const { return block_ + (rounds - 1) * hop_; }
  float* samples() { return samples_.data() + begin_; }
  const float* targets() { return targets_.row(oldest()); }
  void active(int rounds, float* to) const {
    for (int i = 0; i < frames + rounds - 1; i++) to[i] = oldest() + i >= 0 && oldest() + i < known_ ? 1.0f : 0.0f;
  }
  const float* active() {
    active(1, active_.data());
    return active_.data();
  }
  // The samples were projected: those of the oldest frame are final.
  void commit() {
    final_.insert(final_.end(), samples() + margin_, samples() + margin_ + hop_);
    begin_ += hop_, committed_++, due_--;
  }

  // The samples that became final since the last time.
  std::vector<float> take() {
    if (ended_) final_.insert(final_.end(), samples() + margin_, samples_.data() + samples_.size());
    const int64_t skipped = std::min<int64_t>(before_, final_.size()), count = std::min<int64_t>(final_.size() - skipped, received_ - sent_);
    std::vector<float> taken(final_.begin() + skipped, final_.begin() + skipped + count);
    before_ -= skipped, sent_ += count;
    final_.clear(), samples_.erase(samples_.begin(), samples_.begin() + begin_), targets_.drop_before(oldest()), begin_ = 0;
    return taken;
  }

  const int frames;   // corrected jointly
  int64_t held_back;  // samples that are taken until the first comes out, in whole frames

 private:
  int64_t oldest() const { return committed_ - after_; }

  const int64_t hop_, bands_, after_, margin_, block_;
  std::vector<float> samples_, final_;  // samples: from the oldest frame's log-mel window on
  int64_t begin_ = 0;                   // of them were passed since the last time
  int64_t before_;                      // samples that lie before the stream
  NumberedRows targets_;
  int64_t known_ = 0;                   // frames with a target
  std::vector<float> active_;
  int64_t committed_ = 0, received_ = 0, sent_ = 0, due_ = 0;
  bool ended_ = false;
};

}  // namespace wavesynth
