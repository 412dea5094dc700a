// A harmonic-plus-noise voice (wavesynth/models/harmonic.py): its tables, its streams, and what is done with them. Plain
// pointers, as in network.hpp; every operation is rounded on its own and in one order, as stages.hpp says.
#pragma once
#include <cstdint>

#include "stages.hpp"

namespace wavesynth {

struct HarmonicTables {
  int bands, hop, layers, pitches, per_octave, noises, channels, points;  // points: of the Fourier transforms, a power of two
  float sample_rate, lowest, minimum_phase;
  const DenseLayer* dense;         // [layers + 1]: [kWindow bands] -> [channels], relu, ... -> [1 + pitches + noises]
  const float* level;              // [bands]: what turns a band's log-mel, times ln 10, into the logarithm of an amplitude
  const int* band;                 // [bins()]: the band at or below each bin of the transforms, and how far the bin is
  const float* above;              // towards the next
  const double *root_re, *root_im; // [points]: exp(-2 pi i k / points)
  const float* fade;               // [2 hop]: the window of a frame's noise; the squares of its two halves sum to 1
  static constexpr int kContext = 3, kWindow = 2 * kContext + 1;  // as wavesynth/models/harmonic_config.py has them
  int bins() const { return points / 2 + 1; }
  // A stream's state: [phase | hertz | filter [2][bins] | noise to come [hop] | the last frame [hop]].
  int filter_at() const { return 2; }
  int noise_at() const { return filter_at() + 2 * bins(); }
  int frame_at() const { return noise_at() + hop; }
  int state_size() const { return frame_at() + hop; }
};

// One stream's part of a call.
struct HarmonicCall {
  float* state;
  uint64_t index;        // of the next sample
  uint64_t seed;
  float temperature;     // how loud the noise is, of what the network says
  const float* windows;  // [F][kWindow][bands], beginning with the frame of sample `index`
  float* samples;        // [n], out
};

#define WAVESYNTH_HARMONIC(isa)                                                   \
  namespace isa {                                                                 \
  /* n samples of each stream */                                                  \
  void harmonic(const HarmonicTables&, HarmonicCall*, int count, int n);          \
  }
WAVESYNTH_HARMONIC(avx512)
WAVESYNTH_HARMONIC(avx2)
WAVESYNTH_HARMONIC(portable)
#undef WAVESYNTH_HARMONIC

}  // namespace wavesynth
