// The tables that the spectral correction's projection reads; wavesynth/audio/correction.py defines the algorithm.
#pragma once

namespace wavesynth {

constexpr int kBins = 513;  // of a transform of 1,024 samples

struct ProjectionTables {
  int window, hop, bands, inner, iterations;  // inner: samples of the window under which the spectrum is scaled
  const float* analysis;                 // [window]
  const float* bank;                     // [bands, 513], a quarter of them
  const int* first_bin;                  // [bands]: the first bin in each band
  const int* end_bin;                    // [bands]: and the one after its last
  const float* scaling;                  // [inner]
  const float* synthesis;                // [inner]: for the way back from 1,024 times the change
  const int* lower_band;                 // [513]: the first of the two bands that each bin lies in
  const float* lower;                    // [513]: the part of its gain that the bin takes, and base-2 logarithm of 10
  const float* upper;                    // [513]: and that of the next one's
  float floor, cut, boost, power;
};

}  // namespace wavesynth
