// One stream's way from its input to the frames that it is conditioned on: wavesynth/engine/source.py, which defines it.
// What costs time is left to analysis_step.hpp, which does it for many streams together.
//
//     samples ─ resampled ─ windows ─ source frames ─ converted ─ mel frames ─ hidden vectors ─ frames
//
// The input is used no further ahead than the samples ask for that are to be made.
#pragma once
#include <atomic>
#include <memory>
#include <optional>

#include "input_queue.hpp"
#include "numbered_rows.hpp"
#include "plane_voice.hpp"
#include "resampling_stream.hpp"

namespace wavesynth {

enum class InputKind { duration, mel, audio };

// Why a stream cannot go on, in place of how many samples can be made.
constexpr int kNotFinite = -1, kEmpty = -2, kFirstBeyond = -3;

class AnalysisStream {
 public:
  using Counts = InputQueue::Counts;

  AnalysisStream(const PlaneVoice& voice, InputKind kind, int64_t samples, int speaker, std::optional<ResamplingStream> resampling)
      : kind(kind), speaker(speaker), input(kind == InputKind::mel ? voice.bands : 1, kind == InputKind::mel),
        source(-voice.past, voice.bands), mel(-PlaneVoice::kContext, voice.bands),
        hidden(-1, voice.conditioner ? voice.conditioner->tables().channels : 0), frames(0, voice.width()),
        voice_(voice), samples_(samples), resampling_(std::move(resampling)) {
    mel.extend(0, voice.silence);
    if (voice.converter) source.extend(0, voice.silence), memory.resize(static_cast<size_t>(voice.converter->tables().layers) * voice.converter->tables().channels);
    if (kind == InputKind::audio) under_.resize(voice.log_mel->tables().window / 2);
  }

  // Samples of the whole, or -1 as long as more input may come.
  int64_t total(const Counts& counts) const {
    if (kind == InputKind::duration) return samples_;
    if (!counts.finished) return -1;
    return kind == InputKind::mel ? counts.pushed * voice_.hop : resampling_ ? resampling_->length(counts.pushed) : counts.pushed;
  }

  // How many of the `n` samples from `index` can be made now: all, or those to the end, or none; or why it ends.
  int ready(int64_t index, int n, int64_t first_sample) const {
    const Counts counts = input.counts();
    const int64_t needed = voice_.frames(index + n) + voice_.ahead(), all = total(counts);
    if (failed || (kind != InputKind::duration && counts.broken < needed)) return kNotFinite;
    if (all == 0) return kEmpty;
    if (all >= 0 && first_sample >= all) return kFirstBeyond;
    if (all >= 0) return static_cast<int>(std::min<int64_t>(n, all - index));
    return known_frames(counts) >= needed ? n : 0;
  }

  // Reads as much input as the samples before `end` need, and makes room for the frames that come of it.
  void read(int64_t end) {
    const Counts counts = input.counts();
    const int64_t all = total(counts), whole = all < 0 ? INT64_MAX : voice_.frames(all);
    frames_due = voice_.frames(end);
    if (kind == InputKind::duration) return;
    const int64_t around = frames_due + PlaneVoice::kContext;
    mel_due = std::min(around, whole);
    source_due = std::min(around + (voice_.converter ? voice_.look_ahead : 0), whole);
    NumberedRows& arriving = arrivals();
    arriving.extend(source_due, voice_.silence);
    if (source_due > seen) {
      if (kind == InputKind::mel) {
        input.take(arriving.row(seen), source_due - seen);
      } else {
        read_samples((source_due - 1) * voice_.hop + window() - window() / 2);
      }
    }
    // Behind the end is silence.
    if (voice_.converter) source.extend(mel_due + voice_.look_ahead, voice_.silence);
    mel.extend(around, voice_.silence), hidden.extend(frames_due + 1, 0), frames.extend(frames_due, 0);
  }

  int bands() const { return voice_.bands; }

  // The window under log-mel frame number `frame`, from `seen` on.
  const double* under(int64_t frame) const { return under_.data() + (frame - seen) * voice_.hop; }
  // Where source frames come in.
  NumberedRows& arrivals() { return voice_.converter ? source : mel; }

  // Forgets what only the conditioning of frames before number `frame` needs.
  void drop(int64_t frame) {
    if (kind == InputKind::audio && source_due > seen) under_.erase(under_.begin(), under_.begin() + (source_due - seen) * voice_.hop);
    seen = std::max(seen, source_due), converted = std::max(converted, mel_due), conditioned = std::max(conditioned, frames_due);
    source.drop_before(converted - voice_.past), mel.drop_before(frame - PlaneVoice::kContext), hidden.drop_before(conditioned - 1);
  }

  const InputKind kind;
  const int speaker;  // or -1
  InputQueue input;
  NumberedRows source, mel, hidden, frames;
  std::vector<float> memory;                 // the converter's
  int64_t resume_frame = -1;                 // which is converted with the memory `resumed`
  std::vector<float> resumed;
  std::vector<float> constant;               // the frame of a given duration
  int64_t source_due = 0, mel_due = 0, frames_due = 0;    // how far the samples that are to be made ask for each
  int64_t seen = 0, converted = 0, conditioned = 0;       // and how far there is each
  std::atomic<bool> failed = false;          // what came of it is not finite

 private:
  int64_t window() const { return voice_.log_mel->tables().window; }

  // Frames of log-mel that the input pushed so far is enough for.
  int64_t known_frames(const Counts& counts) const {
    if (kind == InputKind::mel) return counts.pushed;
    const int64_t samples = resampling_ ? resampling_->complete(counts.pushed) : counts.pushed, half = window() - window() / 2;
    return samples >= half ? (samples - half) / voice_.hop + 1 : 0;
  }

  // Has the samples before number `end`, with silence behind the last.
  void read_samples(int64_t end) {
    if (end <= read_) return;
    const size_t all = under_.size() + (end - read_);
    if (!resampling_) {
      scratch_.resize(end - read_);
      const int64_t count = input.take(scratch_.data(), end - read_);
      under_.insert(under_.end(), scratch_.begin(), scratch_.begin() + count), read_ += count;
    } else if (!over_) {
      const size_t before = under_.size();
      scratch_.resize(std::max<int64_t>(0, resampling_->needed(end) - resampling_->pushed()));
      const int64_t wanted = scratch_.size(), count = input.take(scratch_.data(), wanted);
      std::copy(scratch_.begin(), scratch_.begin() + count, resampling_->room(count));
      resampling_->flow(under_);
      over_ = count < wanted;
      if (over_) resampling_->finish(under_);
      read_ += under_.size() - before;
    }
    if (under_.size() < all) under_.resize(all, 0.0), read_ = end;
  }

  const PlaneVoice& voice_;
  const int64_t samples_;
  std::optional<ResamplingStream> resampling_;
  std::vector<double> under_;  // from the first sample under the window of frame `seen` on
  std::vector<float> scratch_;
  int64_t read_ = 0;           // samples up to the last of `under_`
  bool over_ = false;          // the resampler has given all
};

}  // namespace wavesynth
