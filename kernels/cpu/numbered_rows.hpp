// Rows of floats one below the other, numbered as a stream's frames are; those that nobody needs any more are dropped.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace wavesynth {

class NumberedRows {
 public:
  // No rows yet; the next has number `first`.
  NumberedRows(int64_t first, int width) : first_(first), width_(width) {}

  int64_t first() const { return first_; }
  // The number after the last row's.
  int64_t end() const { return first_ + (width_ ? static_cast<int64_t>(values_.size()) / width_ : 0); }
  // The row of a number, with those after it behind it.
  float* row(int64_t number) { return values_.data() + (number - first_) * width_; }
  // Has rows up to, and without, number `end`; the new ones are filled with `value`.
  void extend(int64_t end, float value) {
    if (end > this->end()) values_.resize((end - first_) * width_, value);
  }
  // Forgets the rows before number `first`.
  void drop_before(int64_t first) {
    first = std::min(first, end());
    if (first <= first_) return;
    values_.erase(values_.begin(), values_.begin() + (first - first_) * width_);
    first_ = first;
  }

 private:
  std::vector<float> values_;
  int64_t first_;
  int width_;
};

}  // namespace wavesynth
