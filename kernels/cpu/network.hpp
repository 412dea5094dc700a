// The packed network, and what a sampler does with it. See wavesynth/sampling/int8.py, which defines the
// arithmetic; every path here gives the same bits.
#pragma once
#include <cstdint>

namespace wavesynth {

// A matrix of int8 laid out in the order in which it is read: [rows / (16 group)][columns / 4][group][16][4],
// so that one pass reads `group` blocks of 16 rows from consecutive addresses.
struct Matrix {
  const int8_t* weights;
  const int32_t* start;  // [rows] what each sum begins with: undoes the activations' offset
  const float* scale;    // [rows]
  const float* bias;     // [rows], or null
  int rows, columns, group;
};

// The weights of a product: any int8, or from -64 to 64, for which an instruction set may have a shorter way.
struct AnyWeights {};
struct SmallWeights {};

// Plain pointers: nothing of the standard library is instantiated in the files that are compiled for one
// instruction set, or the linker could keep a copy that another processor cannot run.
struct Int8Network {
  int layers, residual, skip, classes, hop;
  bool wide;                // 16-bit activations: queue entries, and gated activations, are [R] high bytes and [R] low ones
  bool reversible;          // a layer's residual is added to the input of the layer before it, and not to its own
  int entry_width() const { return wide ? 2 * residual : residual; }
  const int* dilations;     // [L]
  const float* embedding;   // [A][R]
  const float* input_inverse_scale;  // [L][R]
  const float* gate_inverse_scale;   // [L][R]
  const float* skip_inverse_scale;   // [S]
  const float* hidden_inverse_scale; // [A]
  const Matrix *past, *now;  // [L] the two taps of the dilated convolution; the second goes on from the first's sums
  const Matrix* residuals;   // [L]
  Matrix skips, hidden, output_high, output_low;  // the output's weights are 128 * high + low, both small
};

// One stream's part of a call: its state (changed in place), its conditioning, its draws, its result.
struct StreamCall {
  uint8_t* queues;            // [sum of dilations][R, or 2R]
  uint64_t index;             // of the next sample
  int32_t token;              // the last sample's class
  uint64_t seed;
  float inverse_temperature;  // log2(e) / temperature
  const float* conditioning;  // [F][L][2R], beginning with the frame of sample `index`
  int32_t* tokens;            // [n], out; given, where the stream follows a recording
  float* bits = nullptr;      // [n], out: what each given class costs; null if that is not asked
};

constexpr int kMaxLayers = 240, kMaxResidual = 512, kMaxChannels = 1024;

// What two cores share while they make one stream; see pair.hpp. Each counter has a cache line of its own.
struct Meeting {
  alignas(64) int present;    // the helper is awake
  alignas(64) int begin;      // 1 + the sample with which they begin to share
  alignas(64) int layers;     // layers whose activations are there, counted over the call
  alignas(64) int skips;      // skip products that are whole
  alignas(64) int first;      // first parts of hidden layers, the chain's core's
  alignas(64) int second;     // second parts of hidden layers, the helper's
  alignas(64) int logits;     // second parts of logits, the helper's
  alignas(64) int abandoned;  // the chain's core goes on alone
  alignas(64) uint8_t activations[kMaxLayers * kMaxResidual];  // [L][R]
  alignas(64) int32_t skip_sums[kMaxChannels], output_sums[2][kMaxChannels];
  alignas(64) uint8_t skip[kMaxChannels], hidden[kMaxChannels];
  alignas(64) float values[kMaxChannels];  // the logits
};

// batch: how many streams one reading of the weights serves. activation_offset: what a product takes from the bytes of
// its activations. advance: n samples of each stream. follow: the same with the classes given, for what they cost. lead and help: n samples of one stream, by two threads at once;
// lead is done when the samples are, help soon after.
#define WAVESYNTH_KERNEL(isa)                                    \
  namespace isa {                                                \
  int batch();                                                           \
  int activation_offset();                                               \
  void advance(const Int8Network&, StreamCall*, int streams, int n);     \
  void follow(const Int8Network&, StreamCall*, int streams, int n);      \
  void lead(const Int8Network&, StreamCall&, Meeting&, int n);           \
  void help(const Int8Network&, Meeting&, int n);                    \
  }
WAVESYNTH_KERNEL(avx512)
WAVESYNTH_KERNEL(avx2)
WAVESYNTH_KERNEL(portable)
#undef WAVESYNTH_KERNEL

}  // namespace wavesynth
