// A frame flow (wavesynth/models/frame_flow.py): its weights, its streams, and what is done with them. Plain pointers, as in
// network.hpp; every operation is rounded on its own and in one order, as stages.hpp says.
#pragma once
#include <cstdint>

#include "stages.hpp"

namespace wavesynth {

struct FlowTables {
  int block, order, past, lags, layers, residual, skip, couplings, coupling_channels, bands, channels, hop;
  const int* dilations;             // [L], in blocks
  const float* gain;                // [bands]
  DenseLayer mel_hidden;            // [5 bands] -> [channels], then relu; input (frame, band)
  DenseLayer mel_output;            // [channels] -> [channels], then relu
  DenseLayer reflection;            // [channels] -> [order]
  DenseLayer entry;                 // [channels] -> [R]
  DenseLayer frames;                // [channels] -> [L 2R]
  DenseLayer input;                 // [inputs()] -> [R], no bias; unused without inputs
  const DenseLayer *dilated, *residuals;  // [L]: [2R] -> [2R], no bias; [R] -> [R]
  DenseLayer skips, hidden, affine; // [L R] -> [S], relu; [S] -> [S], relu; [S] -> [2 block]
  DenseLayer contexts;              // [S] -> [couplings H]: what all couplings are told
  const DenseLayer *kept, *output;  // [couplings]: [block / 2] -> [H], no bias; [H] -> [block]
  const float* limits;              // [couplings][block / 2]: of the logarithms of the couplings' scales
  int queue_rows() const {
    int rows = 0;
    for (int l = 0; l < layers; l++) rows += dilations[l];
    return rows;
  }
  // As wavesynth/models/frame_flow_config.py has them.
  static constexpr int kTemplate = 160, kLeastLag = 32, kPeriod = 32, kAhead = 8;
  int inputs() const { return 2 * past + (lags ? 2 * kPeriod + 1 : 0); }
  int longest() const { return lags ? kTemplate + kLeastLag + lags - 1 : 0; }
  int excited() const { return most(past, lags ? kLeastLag + lags + kAhead : 0); }  // the excitation that is remembered
  int heard() const { return most(most(past, order), longest()); }                  // samples that are
  int state_size() const { return queue_rows() * residual + excited() + heard() + block; }
  static int most(int a, int b) { return a > b ? a : b; }
  int frame_size() const { return 3 * residual + 3 + order + layers * 2 * residual; }
};

// One stream's part of a call.
struct FlowCall {
  float* state;         // [queues [sum of dilations][R] | excitation [excited] | samples [heard] | the last block [block]]
  uint64_t index;       // of the next sample
  uint64_t seed;
  float temperature;
  const float* windows; // [F][7][bands], beginning with the frame of sample `index`
  float* samples;       // [n], out; null where blocks are scored
  const float* given;   // [n]: the samples that are scored
  float* nats;          // [n / block], out: what each block costs
};

#define WAVESYNTH_FLOW(isa) \
  namespace isa {           \
  /* n samples of each stream; or, `scoring`, what n / block whole blocks cost */ \
  void flow(const FlowTables&, FlowCall*, int count, int n, bool scoring); \
  }
WAVESYNTH_FLOW(avx512)
WAVESYNTH_FLOW(avx2)
WAVESYNTH_FLOW(portable)
#undef WAVESYNTH_FLOW

}  // namespace wavesynth
