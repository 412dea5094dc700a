// All that a stream is, from what it was given to the samples that came out.
#pragma once
#include <atomic>

#include "analysis_stream.hpp"
#include "correction_stream.hpp"

namespace wavesynth {

struct PlaneStream {
  PlaneStream(const PlaneVoice& voice, InputKind kind, int64_t samples, int speaker, std::optional<ResamplingStream> resampling)
      : analysis(voice, kind, samples, speaker, std::move(resampling)), queues(voice.queues), token(voice.token) {}

  AnalysisStream analysis;
  // The sampler's.
  std::vector<uint8_t> queues;
  std::atomic<int64_t> index = 0;  // samples drawn
  int32_t token;
  uint64_t seed = 0;
  float inverse_temperature = 0;
  // After it.
  double remembered = 0;  // by the de-emphasis
  std::optional<CorrectionStream> correction;
  int64_t first_sample = 0;
  int64_t out = 0;  // samples that came out, with those before the first
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

}  // namespace wavesynth
