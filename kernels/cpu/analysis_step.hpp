// What the next samples of many streams are conditioned on, each stage computed for all of them together.
#pragma once
#include <cmath>
#include <vector>

#include "analysis_stream.hpp"

namespace wavesynth {

class AnalysisStep {
 public:
  AnalysisStep(const PlaneVoice& voice, const std::vector<AnalysisStream*>& streams) : voice_(voice), streams_(streams) {}

  // The frames of the samples of each stream before `ends`. A stream of which something is not finite has `failed`.
  void run(const std::vector<int64_t>& ends) {
    read(ends);
    listen();
    heard();
    if (voice_.conditioner) condition();
    for (AnalysisStream* stream : streams_)
      if (stream->kind == InputKind::duration) repeat(*stream);
  }

  // The first part of it: has the windows be there whose log-mel comes first.
  void read(const std::vector<int64_t>& ends) {
    for (size_t s = 0; s < streams_.size(); s++) streams_[s]->read(ends[s]);
  }

  // What follows once their log-mel is there.
  void heard() {
    for (AnalysisStream* stream : streams_)
      if (stream->kind == InputKind::audio) check(*stream, stream->arrivals(), stream->seen, stream->source_due);
    if (voice_.converter) convert();
  }

 private:
  void listen() {
    std::vector<const double*> windows;
    std::vector<float*> features;
    for (AnalysisStream* stream : streams_) {
      if (stream->kind != InputKind::audio) continue;
      for (int64_t f = stream->seen; f < stream->source_due; f++)
        windows.push_back(stream->under(f)), features.push_back(stream->arrivals().row(f));
    }
    if (windows.empty()) return;
    voice_.log_mel->set.log_mel(voice_.log_mel->tables(), windows.data(), features.data(), static_cast<int>(windows.size()));
  }

  // One frame of every stream, then the next, as each needs the memory of the one before.
  void convert() {
    std::vector<const float*> windows;
    std::vector<float*> memories, frames;
    for (int64_t round = 0;; round++) {
      windows.clear(), memories.clear(), frames.clear();
      for (AnalysisStream* stream : streams_) {
        const int64_t f = stream->converted + round;
        if (f >= stream->mel_due) continue;
        if (f == stream->resume_frame) stream->memory = stream->resumed;
        windows.push_back(stream->source.row(f - voice_.past)), memories.push_back(stream->memory.data()), frames.push_back(stream->mel.row(f));
      }
      if (windows.empty()) break;
      voice_.converter->set.convert(voice_.converter->tables(), windows.data(), memories.data(), frames.data(), static_cast<int>(windows.size()));
    }
    for (AnalysisStream* stream : streams_) check(*stream, stream->mel, stream->converted, stream->mel_due);
  }

  void check(AnalysisStream& stream, NumberedRows& rows, int64_t first, int64_t end) {
    if (end <= first) return;
    const float *from = rows.row(first), *to = from + (end - first) * voice_.bands;
    if (std::any_of(from, to, [](float x) { return !std::isfinite(x); })) stream.failed = true;
  }

  void condition() {
    const ConditionerTables& tables = voice_.conditioner->tables();
    std::vector<const float*> around, inputs;
    std::vector<float*> hidden, frames;
    std::vector<int> speakers;
    for (AnalysisStream* stream : streams_) {
      if (stream->kind == InputKind::duration || stream->frames_due <= stream->conditioned) continue;
      for (int64_t p = stream->conditioned ? stream->conditioned + 1 : -1; p <= stream->frames_due; p++)
        around.push_back(stream->mel.row(p - 2)), hidden.push_back(stream->hidden.row(p));
      for (int64_t f = stream->conditioned; f < stream->frames_due; f++)
        inputs.push_back(stream->hidden.row(f - 1)), frames.push_back(stream->frames.row(f)), speakers.push_back(stream->speaker);
    }
    voice_.conditioner->set.condition_hidden(tables, around.data(), hidden.data(), static_cast<int>(around.size()));
    voice_.conditioner->set.condition_frame(tables, inputs.data(), speakers.data(), frames.data(), static_cast<int>(inputs.size()));
  }

  void repeat(AnalysisStream& stream) {
    for (int64_t f = stream.frames.end(); f < stream.frames_due; f++) {
      stream.frames.extend(f + 1, 0);
      std::copy(stream.constant.begin(), stream.constant.end(), stream.frames.row(f));
    }
  }

  const PlaneVoice& voice_;
  const std::vector<AnalysisStream*>& streams_;
};

}  // namespace wavesynth
