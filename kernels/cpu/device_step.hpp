// A step of many streams whose samples are drawn elsewhere, as on a GPU. What costs time is left to that, too: the step
// gives what it needs of all streams in one array, and takes what comes back.
//
//     spans → hear ... → heard → condition ─ samples drawn ─ filter → blocks → commit ... → take
//
// What is left of `filter` is done for some streams at a time, `first` to `end`, and later steps may begin meanwhile.
#pragma once
#include <mutex>

#include "analysis_step.hpp"
#include "output_stage.hpp"

namespace wavesynth {

class DeviceStep {
 public:
  // `filters` guards what both halves of a stream's steps touch: what it is corrected towards.
  DeviceStep(const PlaneVoice& voice, std::mutex& filters, std::vector<PlaneStream*> streams, int n)
      : voice_(voice), filters_(filters), streams_(std::move(streams)), n_(n) {
    for (PlaneStream* stream : streams_) {
      analyses_.push_back(&stream->analysis);
      ends_.push_back(stream->index + n);
      heard_.push_back(stream->analysis.seen);
    }
    AnalysisStep(voice_, analyses_).read(ends_);
  }

  size_t size() const { return streams_.size(); }
  size_t spans() const { return spans_.size(); }
  size_t blocks() const { return due_.size(); }
  int bands() const { return voice_.bands; }
  int samples() const { return n_; }

  // Spans of samples under the windows of `frames` frames in a row, of streams that have so many to be analysed.
  size_t find_spans(int frames) {
    spans_.clear();
    for (size_t s = 0; s < streams_.size(); s++)
      if (analyses_[s]->kind == InputKind::audio)
        for (; heard_[s] + frames <= analyses_[s]->source_due; heard_[s] += frames) spans_.push_back({analyses_[s], heard_[s]});
    return spans_.size();
  }
  int64_t span(int frames) const { return voice_.log_mel->tables().window + static_cast<int64_t>(frames - 1) * voice_.hop; }
  // Samples are those of single precision, widened: nothing is lost.
  void copy_spans(int frames, float* to) const {
    for (const auto& [stream, frame] : spans_) to = std::copy_n(stream->under(frame), span(frames), to);
  }
  // Takes their log-mel, [spans, frames, bands].
  void hear(int frames, const float* features) {
    const size_t values = static_cast<size_t>(frames) * voice_.bands;
    for (const auto& [stream, frame] : spans_) std::copy_n(features, values, stream->arrivals().row(frame)), features += values;
  }

  // Once all log-mel is there: of each stream, whether its samples can be drawn, or something is not finite. The step is
  // then of those that can.
  std::vector<int32_t> heard() {
    AnalysisStep(voice_, analyses_).heard();
    std::vector<int32_t> whole;
    size_t kept = 0;
    const std::lock_guard lock(filters_);
    for (size_t s = 0; s < streams_.size(); s++) {
      PlaneStream& stream = *streams_[s];
      AnalysisStream& analysis = stream.analysis;
      whole.push_back(!analysis.failed);
      if (analysis.failed) continue;
      if (stream.correction) stream.correction->aim(analysis.mel.row(analysis.converted), std::max<int64_t>(0, analysis.mel_due - analysis.converted));
      streams_[kept] = &stream, ends_[kept] = ends_[s], kept++;
    }
    streams_.resize(kept), ends_.resize(kept);
    return whole;
  }

  // Windows that each stream's samples are conditioned on.
  std::vector<int32_t> windows() const {
    std::vector<int32_t> counts;
    for (size_t s = 0; s < streams_.size(); s++) counts.push_back(static_cast<int32_t>(voice_.frames(ends_[s]) - (ends_[s] - n_) / voice_.hop));
    return counts;
  }
  static constexpr int kAround = 2 * PlaneVoice::kContext;
  // The mel frames under each stream's windows, [windows + kAround, bands] each; the streams move on.
  void condition(float* mel) {
    for (size_t s = 0; s < streams_.size(); s++) {
      PlaneStream& stream = *streams_[s];
      const int64_t first = (ends_[s] - n_) / voice_.hop, rows = voice_.frames(ends_[s]) - first + kAround;
      if (stream.analysis.kind != InputKind::duration && voice_.bands) mel = std::copy_n(stream.analysis.mel.row(first - PlaneVoice::kContext), rows * voice_.bands, mel);
      stream.analysis.drop(ends_[s] / voice_.hop);
      stream.index = ends_[s];
    }
  }

  // Takes the samples [end - first, n] that were drawn of some streams.
  void filter(size_t first, size_t end, const float* drawn) {
    filtered_.resize(streams_.size());
    std::vector<const float*> from;
    std::vector<float*> to;
    for (size_t s = first; s < end; s++) filtered_[s].resize(n_), from.push_back(drawn + (s - first) * n_), to.push_back(filtered_[s].data());
    deemphasize(voice_.preemphasis, streams_.data() + first, from.data(), to.data(), end - first, n_);
    corrected_.clear();
    const std::lock_guard lock(filters_);
    for (size_t s = first; s < end; s++) {
      if (!streams_[s]->correction) continue;
      streams_[s]->correction->accept(filtered_[s], ends_[s] == total(*streams_[s]));
      corrected_.push_back(&*streams_[s]->correction);
    }
  }

  // The next blocks that are to be projected `rounds` times, each a hop after the last; all with as many joint frames.
  // How many, and how many frames; none are left if there are none for one round.
  std::pair<size_t, int> find_blocks(int rounds) {
    due_.clear();
    const std::lock_guard lock(filters_);
    for (CorrectionStream* stream : corrected_) {
      if (stream->due() < rounds) continue;
      if (!due_.empty() && stream->frames < due_[0]->frames) due_.clear();
      if (due_.empty() || stream->frames == due_[0]->frames) due_.push_back(stream);
    }
    return {due_.size(), due_.empty() ? 0 : due_[0]->frames};
  }
  int64_t block(int rounds) const { return due_[0]->block(rounds); }
  // Their samples, target log-mel and which frames are corrected, [blocks, ...] each.
  void copy_blocks(int rounds, float* samples, float* targets, float* active) {
    const std::lock_guard lock(filters_);
    for (CorrectionStream* stream : due_) {
      const int frames = stream->frames + rounds - 1;
      samples = std::copy_n(stream->samples(), stream->block(rounds), samples);
      targets = std::copy_n(stream->targets(), static_cast<size_t>(frames) * voice_.bands, targets);
      stream->active(rounds, active), active += frames;
    }
  }
  // Takes the samples projected.
  void commit(int rounds, const float* samples) {
    const std::lock_guard lock(filters_);
    for (CorrectionStream* stream : due_) {
      std::copy_n(samples, stream->block(rounds), stream->samples()), samples += stream->block(rounds);
      for (int round = 0; round < rounds; round++) stream->commit();
    }
  }

  // What came out of those streams, one behind the other, and how many samples of each.
  void take(size_t first, size_t end, std::vector<int16_t>& samples, std::vector<int32_t>& counts) {
    samples.reserve((end - first) * n_);
    for (size_t s = first; s < end; s++) {
      if (streams_[s]->correction) {
        const std::lock_guard lock(filters_);
        filtered_[s] = streams_[s]->correction->take();
      }
      counts.push_back(hand_out(*streams_[s], filtered_[s], samples));
      filtered_[s] = {};
    }
  }

 private:
  const PlaneVoice& voice_;
  std::mutex& filters_;
  std::vector<PlaneStream*> streams_;
  const int n_;
  std::vector<AnalysisStream*> analyses_;
  std::vector<int64_t> ends_, heard_;  // samples drawn when the step ends; frames whose windows were given out
  std::vector<std::pair<AnalysisStream*, int64_t>> spans_;
  std::vector<std::vector<float>> filtered_;
  std::vector<CorrectionStream*> corrected_, due_;
};

}  // namespace wavesynth
