// StreamingResampler of wavesynth/audio/resampling.py: blocks of one size are resampled with their neighbourhood.
#pragma once
#include <vector>

#include "stage_tables.hpp"

namespace wavesynth {

// reach: samples of the neighbourhood on each side, whole periods of the ratio; block: of a block; before: of the
// filter before a period.
struct ResamplingShape {
  int64_t reach, block, before;
};

class ResamplingStream {
 public:
  ResamplingStream(const Resampler& resampler, ResamplingShape shape)
      : resampler_(resampler), shape_(shape), pending_(shape.reach, 0.0f) {}

  // Samples that come out for `pushed` that went in, if that is all, and if more come.
  int64_t length(int64_t pushed) const { return (pushed * tables().up + tables().down - 1) / tables().down; }
  int64_t complete(int64_t pushed) const { return std::max<int64_t>(0, (pushed - shape_.reach) / shape_.block) * made_of_block(); }
  // Samples that must be in before `count` come out.
  int64_t needed(int64_t count) const {
    const int64_t made = made_of_block();
    return count > 0 ? (count + made - 1) / made * shape_.block + shape_.reach : 0;
  }
  int64_t pushed() const { return pushed_; }

  // Room for the next `count` samples in.
  float* room(int64_t count) {
    const size_t before = pending_.size();
    pending_.resize(before + count);
    pushed_ += count;
    return pending_.data() + before;
  }
  // Appends what is complete, in double precision.
  void flow(std::vector<double>& out) {
    const int64_t pending = pending_.size(), blocks = std::max<int64_t>(0, (pending - 2 * shape_.reach) / shape_.block);
    made_.resize(made_of_block());
    for (int64_t i = 0; i < blocks; i++) {
      const float* under = pending_.data() + shape_.reach - shape_.before + i * shape_.block;
      resampler_.set.resample(tables(), under, static_cast<int>(shape_.block / tables().down), made_.data());
      out.insert(out.end(), made_.begin(), made_.end());
    }
    pending_.erase(pending_.begin(), pending_.begin() + blocks * shape_.block);
    given_ += blocks * made_of_block();
  }
  // Appends the rest, as if silence followed.
  void finish(std::vector<double>& out) {
    const int64_t left = length(pushed_) - given_, made = made_of_block();
    const size_t needed = (left + made - 1) / made * shape_.block + 2 * shape_.reach, before = out.size();
    if (pending_.size() < needed) pending_.resize(needed, 0.0f);
    flow(out);
    out.resize(before + left);
  }

 private:
  const ResamplerTables& tables() const { return resampler_.tables(); }
  int64_t made_of_block() const { return shape_.block / tables().down * tables().up; }

  const Resampler& resampler_;
  const ResamplingShape shape_;
  std::vector<float> pending_, made_;  // pending: from the neighbourhood before the next block on
  int64_t pushed_ = 0, given_ = 0;
};

}  // namespace wavesynth
