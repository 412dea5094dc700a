// What all streams of a voice share: its kernels, and the numbers that say how they are put together.
#pragma once
#include "int8_sampler.hpp"
#include "spectral_projector.hpp"
#include "stage_tables.hpp"

namespace wavesynth {

struct PlaneVoice {
  // Mel frames on each side of a frame that the conditioning network sees: two convolutions, over 5 and 3.
  static constexpr int kContext = 3;

  Int8Sampler* sampler;              // null where samples are drawn elsewhere; so is the conditioning network
  const LogMel* log_mel;             // null for a voice that takes no input; so are all that follow
  const Conditioner* conditioner;
  const Converter* converter;        // null for a voice without one
  const SpectralProjector* projector;  // null where nothing is corrected
  std::vector<float> levels;         // [classes]: the sample that each stands for, still pre-emphasised
  std::vector<uint8_t> queues;       // of a stream before its first sample
  int32_t token;                     // and the class before it
  double preemphasis;
  int hop, bands, past, look_ahead;  // frames that the converter sees before and after a frame
  float silence;                     // every feature of a silent frame

  int width() const { return sampler ? sampler->network().layers * 2 * sampler->network().residual : 0; }
  int64_t frames(int64_t samples) const { return (samples + hop - 1) / hop; }
  // Frames of input after a frame that must be known before it is conditioned on.
  int64_t ahead() const { return kContext + (converter ? look_ahead : 0); }
};

}  // namespace wavesynth
