// The stages around the sampler: what each reads, and what it does with it. Plain pointers, as in network.hpp.
//
// Every operation is rounded on its own and in the order that the functions' files give, so that the bits are the same
// in all instruction sets, for any `count` of frames or streams that are computed together, and on any core.
#pragma once
#include <cstdint>

#include "projection_tables.hpp"

namespace wavesynth {

// y = W x + b. The sum over inputs begins with the bias and runs in their order; lanes are outputs.
struct DenseLayer {
  int inputs, outputs, padded;  // padded: outputs rounded up to a multiple of 16
  const float* weights;         // [padded / 16][inputs][16]: 16 outputs at a time; zeros behind the outputs
  const float* bias;            // [padded], or null for zeros
};

// Log-mel of windows of samples (wavesynth/audio/mel.py), in double precision.
struct LogMelTables {
  int window, fft, bands;   // fft: a power of two, 16 to 65,536
  const double* taper;      // [window]
  const double* bank;       // [bands][fft / 2 + 1]
  const int *first_bin, *end_bin;  // [bands]: the bins with weights
  double floor;
  const double *root_re, *root_im;  // [fft]: exp(-2 pi i k / fft)
};

// The WaveNet's conditioning network (WaveNet.conditioning in wavesynth/models/wavenet.py).
struct ConditionerTables {
  int bands, channels, width;  // width: floats of a frame, layers * 2 * residual
  DenseLayer hidden;           // [5 bands] -> [channels], then relu; input (frame, band)
  DenseLayer smooth;           // [3 channels] -> [channels], then relu; input (position, channel)
  DenseLayer output;           // [channels] -> [width]; its bias is the network's, to which a speaker's row is added after
  const float* speakers;       // [speakers][width], or null
};

// The converter (wavesynth/models/converter.py): window -> hear, relu -> GRU layers -> say.
struct ConverterTables {
  int bands, channels, layers, window;  // window: frames that it sees at once
  DenseLayer hear;                      // [window bands] -> [channels]; input (frame, band)
  const DenseLayer *input, *recurrent;  // [layers] each: [channels] -> [3 channels], gates in PyTorch's order (r, z, n)
  DenseLayer say;                       // [2 channels] -> [bands]; input (hidden, top layer)
  float silence;                        // what comes out is at least this
};

// The filter of a StreamingResampler (wavesynth/audio/resampling.py).
struct ResamplerTables {
  int up, down, taps;
  const float* filter;             // [up][taps]
  const int *first_tap, *end_tap;  // [up]: the taps of a phase that are not zero lie between
};

#define WAVESYNTH_STAGES(isa)                                                                                              \
  namespace isa {                                                                                                          \
  /* windows[i] [window] -> features[i] [bands] */                                                                         \
  void log_mel(const LogMelTables&, const double* const* windows, float* const* features, int count);                      \
  /* frames[i] [5][bands], the five mel frames under a position -> hidden[i] [channels] */                                 \
  void condition_hidden(const ConditionerTables&, const float* const* frames, float* const* hidden, int count);            \
  /* hidden[i] [3][channels], three positions side by side -> frames[i] [width]; speakers[i] is a row, or -1 */            \
  void condition_frame(const ConditionerTables&, const float* const* hidden, const int* speakers, float* const* frames,    \
                       int count);                                                                                         \
  /* windows[i] [window][bands] -> frames[i] [bands]; memories[i] [layers][channels] moves on */                           \
  void convert(const ConverterTables&, const float* const* windows, float* const* memories, float* const* frames,          \
               int count);                                                                                                 \
  /* out[p * up + phase] = sum over k of filter[phase][k] * samples[p * down + k], for `periods` periods */                \
  void resample(const ResamplerTables&, const float* samples, int periods, float* out);                                    \
  /* all iterations for `count` streams: samples[i] [(frames - 1) hop + window] are changed in place; target_mel[i] */     \
  /* [frames, bands]; active[i] [frames], each 1 or 0 */                                                                   \
  void project_all(const ProjectionTables&, float* const* samples, const float* const* target_mel,                         \
                   const float* const* active, int frames, int count);                                                     \
  }
WAVESYNTH_STAGES(avx512)
WAVESYNTH_STAGES(avx2)
WAVESYNTH_STAGES(portable)
#undef WAVESYNTH_STAGES

}  // namespace wavesynth
