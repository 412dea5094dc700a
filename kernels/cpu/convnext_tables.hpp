// A stack of ConvNeXt blocks over time (Stack in wavesynth/models/text_to_mel.py). Plain pointers, as in stages.hpp.
#pragma once
#include <vector>

#include "stages.hpp"

namespace wavesynth {

struct ConvNextBlock {
  const float* depthwise;       // [kernel][channels]
  const float* depthwise_bias;  // [channels]
  const float *scale, *shift;   // [channels], of the norm
  DenseLayer up, down;          // [channels] -> [inner], then hard swish; [inner] -> [channels]
};

struct ConvNextTables {
  int inputs, outputs, channels, inner, kernel;  // kernel: odd
  DenseLayer input;                              // [inputs] -> [channels]
  std::vector<ConvNextBlock> blocks;
  const float *scale, *shift;                    // [channels], of the last norm
  DenseLayer output;                             // [channels] -> [outputs]
};

#define WAVESYNTH_CONVNEXT(isa)                                                                                       \
  namespace isa {                                                                                                     \
  /* x [count][inputs] -> y [count][channels] */                                                                      \
  void convnext_input(const ConvNextTables&, const float* x, float* y, int count);                                    \
  /* x [count + kernel - 1][channels] -> y [count][channels]: each output sees the `kernel` inputs from its own on */ \
  void convnext_block(const ConvNextTables&, const ConvNextBlock&, const float* x, float* y, int count);              \
  /* x [count][channels] -> y [count][outputs] */                                                                     \
  void convnext_output(const ConvNextTables&, const float* x, float* y, int count);                                   \
  }
WAVESYNTH_CONVNEXT(avx512)
WAVESYNTH_CONVNEXT(avx2)
WAVESYNTH_CONVNEXT(portable)
#undef WAVESYNTH_CONVNEXT

}  // namespace wavesynth
