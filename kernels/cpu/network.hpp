// The packed network, and what a sampler does with it. See wavesynth/synthesis/int8.py, which defines the
// arithmetic; every path here gives the same bits.
#pragma once
#include <cstdint>

namespace wavesynth {

// A matrix of int8 laid out in the order in which it is read: [rows / (16 group)][columns / 4][group][16][4],
// so that one pass reads `group` blocks of 16 rows from consecutive addresses.
struct Matrix {
  const int8_t* weights;
  const int32_t* start;  // [rows] what each sum begins with: undoes the activations' offset of 128
  const float* step;     // [rows]
  const float* bias;     // [rows], or null
  int rows, columns, group;
};

// Plain pointers: nothing of the standard library is instantiated in the files that are compiled for one
// instruction set, or the linker could keep a copy that another processor cannot run.
struct Network {
  int layers, residual, skip, classes, hop;
  const int* dilations;     // [L]
  const float* embedding;   // [A][R]
  const float* input_gain;  // [L][R]
  const float* gate_gain;   // [L][R]
  const float* skip_gain;   // [S]
  const float* hidden_gain; // [A]
  const Matrix *past, *now;  // [L] the two taps of the dilated convolution; the second goes on from the first's sums
  const Matrix* residuals;   // [L]
  Matrix skips, hidden, output_high, output_low;
};

// One stream's part of a call: its state (changed in place), its conditioning, its draws, its result.
struct Stream {
  uint8_t* queues;            // [sum of dilations][R]
  uint64_t index;             // of the next sample
  int32_t token;              // the last sample's class
  uint64_t seed;
  float inverse_temperature;  // log2(e) / temperature
  const float* conditioning;  // [F][L][2R], beginning with the frame of sample `index`
  int32_t* tokens;            // [n], out
};

constexpr int kMaxLayers = 240, kMaxResidual = 512, kMaxChannels = 1024;

namespace avx512 { void advance(const Network&, Stream*, int streams, int n); }
namespace avx2 { void advance(const Network&, Stream*, int streams, int n); }
namespace portable { void advance(const Network&, Stream*, int streams, int n); }

}  // namespace wavesynth
