// What a stream was given and has not used yet: pieces as they were pushed, by any thread, of samples or of mel frames.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

namespace wavesynth {

class InputQueue {
 public:
  // How much was pushed altogether, in samples or in frames; whether that is all; the first frame that is not finite.
  struct Counts {
    int64_t pushed = 0;
    bool finished = false;
    int64_t broken = INT64_MAX;
  };
  using Values = std::variant<std::vector<int16_t>, std::vector<float>>;

  // width: of a frame, or 1 of samples; only `frames` are looked at.
  InputQueue(int width, bool frames) : width_(width), frames_(frames) {}

  void push(Values values) {
    const int64_t count = std::visit([](const auto& all) { return static_cast<int64_t>(all.size()); }, values);
    if (!count) return;
    const int64_t broken = frames_ ? first_broken(std::get<std::vector<float>>(values)) : count;
    std::lock_guard lock(mutex_);
    if (counts_.finished) throw std::invalid_argument("the stream's input was finished; nothing may be pushed after");
    if (broken < count && counts_.broken == INT64_MAX) counts_.broken = counts_.pushed + broken / width_;
    counts_.pushed += count / width_;
    pieces_.push_back({std::move(values), 0});
  }

  void finish() {
    std::lock_guard lock(mutex_);
    counts_.finished = true;
  }

  Counts counts() const {
    std::lock_guard lock(mutex_);
    return counts_;
  }

  // Takes at most `count` samples or frames out, as floats within ±1 if they are samples; returns how many.
  int64_t take(float* to, int64_t count) {
    const size_t wanted = static_cast<size_t>(count) * width_;
    size_t taken = 0;
    std::lock_guard lock(mutex_);
    while (taken < wanted && !pieces_.empty()) {
      Piece& piece = pieces_.front();
      const bool whole = std::visit([&](const auto& all) {
        const size_t some = std::min(wanted - taken, all.size() - piece.used);
        copy(all.data() + piece.used, some, to + taken);
        taken += some, piece.used += some;
        return piece.used == all.size();
      }, piece.values);
      if (whole) pieces_.pop_front();
    }
    return static_cast<int64_t>(taken) / width_;
  }

 private:
  struct Piece {
    Values values;
    size_t used;
  };

  static void copy(const float* from, size_t count, float* to) { std::copy(from, from + count, to); }
  static void copy(const int16_t* from, size_t count, float* to) {
    for (size_t i = 0; i < count; i++) to[i] = static_cast<float>(from[i]) / 32768.0f;
  }
  static int64_t first_broken(const std::vector<float>& values) {
    return std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); }) - values.begin();
  }

  const int width_;
  const bool frames_;
  mutable std::mutex mutex_;
  std::deque<Piece> pieces_;
  Counts counts_;
};

}  // namespace wavesynth
