// What a frame flow makes of the log-mel and of the past: the context of a block (wavesynth/models/frame_flow.py). Included once
// for each instruction set, after that set's simd_*.hpp.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "condition.hpp"
#include "convert.hpp"
#include "flow_tables.hpp"
#include "kernel.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// The natural logarithm of what is positive, by Cephes' polynomial.
inline float logarithm(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, 4);
  int exponent = (bits >> 23) - 126;
  const int32_t mantissa = (bits & 0x7FFFFF) | 0x3F000000;
  float m;
  std::memcpy(&m, &mantissa, 4);
  if (m < 0.707106781f) m = m + m, exponent--;
  m = m - 1.0f;
  const float z = m * m, n = static_cast<float>(exponent);
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f, p = p * m + 1.1676998740e-1f, p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f, p = p * m - 1.6668057665e-1f, p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f, p = p * m + 3.3333331174e-1f;
  const float y = p * m * z + n * -2.12194440e-4f - 0.5f * z;
  return m + y + n * 0.693359375f;
}

inline float bounded(float raw, float limit) { return limit * hyperbolic_tangent(raw / limit); }

// What a mel frame says, in FlowTables::frame_size() floats: entries [3][R] and log-gains [3] of the frame before, the frame
// and the one after; the prediction filter [order]; what is added before the gates [L][2R].
struct FlowFrame {
  float *entries, *log_gains, *filter, *gates;
  FlowFrame(const FlowTables& t, float* at)
      : entries(at), log_gains(at + 3 * t.residual), filter(log_gains + 3), gates(filter + t.order) {}
};

// Room for what a batch of streams works with.
struct FlowWork {
  static constexpr int kStreams = 8;
  std::vector<float> memory;
  // What is there of each stream: [size].
  struct Rows {
    float* rows[kStreams];
    const float* const* read() const { return rows; }
    float* operator[](int i) const { return rows[i]; }
  };
  float *excitation[kStreams], *samples[kStreams];  // what a stream remembers of them: of `samples`, then its last block
  float gain[kStreams], log_gain[kStreams];         // of the block
  Rows frames, input, x, both, h, z, skip, hidden, affine, contexts, kept, change, latent, excited;

  explicit FlowWork(const FlowTables& t) {
    const int R = t.residual;
    const int sizes[] = {t.frame_size(), t.inputs(), R, 2 * R, 2 * R, t.layers * R, t.skip, t.skip, 2 * t.block,
                         t.couplings * t.coupling_channels, std::max(t.coupling_channels, 2 * t.channels), t.block, t.block, t.block};
    Rows* rows[] = {&frames, &input, &x, &both, &h, &z, &skip, &hidden, &affine, &contexts, &kept, &change, &latent, &excited};
    size_t total = 16;
    for (int size : sizes) total += static_cast<size_t>((size + 31) / 16 * 16) * kStreams;
    memory.resize(total);
    float* at = memory.data();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (int s = 0; s < kStreams; s++, at += (sizes[i] + 31) / 16 * 16) rows[i]->rows[s] = at;
  }
};

// FrameFlow.conditioning of a window [7][bands], for the frame in its middle.
inline void flow_frame(const FlowTables& t, const float* window, float* scratch, FlowFrame to) {
  const int C = t.channels, R = t.residual;
  float *first = scratch, *second = scratch + C;
  for (int i = 0; i < 3; i++) {
    const float* from = window + i * t.bands;
    dense(t.mel_hidden, &from, 1, [&](int, int output, const float* values, int n) { copy_positive(values, n, first + output); });
    from = first;
    dense(t.mel_output, &from, 1, [&](int, int output, const float* values, int n) { copy_positive(values, n, second + output); });
    from = second;
    auto into = [](float* out) {
      return [out](int, int output, const float* values, int n) { std::copy(values, values + n, out + output); };
    };
    dense(t.entry, &from, 1, into(to.entries + i * R));
    float power = 0.0f;
    for (int b = 0; b < t.bands; b++) {
      const float x = t.gain[b] + 2.3025851f * (2.0f * window[(i + 2) * t.bands + b] - 2.0f);
      power = power + exponential(std::min(std::max(x, -80.0f), 80.0f));
    }
    to.log_gains[i] = 0.5f * logarithm(power + 1e-9f);
    if (i != 1) continue;
    dense(t.frames, &from, 1, into(to.gates));
    dense(t.reflection, &from, 1, into(first));
    float *a = to.filter, before[64];
    for (int k = 0; k < t.order; k++) {  // the step-up recursion
      const float reflection = 0.995f * hyperbolic_tangent(first[k]);
      std::copy(a, a + k, before);
      for (int i2 = 0; i2 < k; i2++) a[i2] = before[i2] + reflection * before[k - 1 - i2];
      a[k] = reflection;
    }
  }
}

// The lag at which the last samples before `end` are most like earlier ones, and their normalised correlation there
// (`periods` in frame_flow.py).
inline int flow_period(const FlowTables& t, const float* end, float& correlation) {
  constexpr float kLeastPower = 1e-9f;
  const float *latest = end - t.kTemplate, *window = end - t.longest();
  alignas(64) float products[16], squares[16];
  int best = 0;
  float most = 0.0f, own = 0.0f;
  for (int first = 0; first < t.lags; first += 16) {
    Floats product = splat(0.0f), square = splat(0.0f);
    for (int k = 0; k < t.kTemplate; k++) {
      const Floats x = load(window + first + k);
      product = add(product, mul(x, splat(latest[k]))), square = add(square, mul(x, x));
    }
    store(products, product), store(squares, square);
    for (int j = 0; j < 16; j++) {
      const float alike = products[j] / std::sqrt(squares[j] + kLeastPower);
      if (first + j == 0 || alike > most) most = alike, best = first + j;
    }
  }
  for (int k = 0; k < t.kTemplate; k++) own = own + latest[k] * latest[k];
  correlation = most / std::sqrt(own + kLeastPower);
  return t.kLeastLag + t.lags - 1 - best;
}

// FrameFlow.context of the next block of each of `count` streams, at most FlowWork::kStreams, whose frames are in `work`: the
// affine layer's means and scales, and what the couplings are told. calls[i].index is that of the block's first sample.
inline void flow_contexts(const FlowTables& t, FlowCall* const* calls, FlowWork& w, int count) {
  const int R = t.residual, N = t.block, heard = t.heard(), per_hop = t.hop / N;
  float* queues[FlowWork::kStreams];
  for (int i = 0; i < count; i++) {
    const FlowFrame frame(t, w.frames[i]);
    queues[i] = calls[i]->state;
    w.excitation[i] = queues[i] + static_cast<size_t>(t.queue_rows()) * R;
    w.samples[i] = w.excitation[i] + t.excited();
    const int position = static_cast<int>(calls[i]->index % t.hop) / N;
    const float towards = (static_cast<float>(position) + 0.5f) / static_cast<float>(per_hop) - 0.5f, part = std::fabs(towards);
    const int other = towards < 0 ? 0 : 2;
    w.log_gain[i] = frame.log_gains[1] + part * (frame.log_gains[other] - frame.log_gains[1]);
    w.gain[i] = exponential(w.log_gain[i]);
    const float *now = frame.entries + R, *beside = frame.entries + other * R;
    for (int k = 0; k < R; k++) w.x[i][k] = now[k] + part * (beside[k] - now[k]);
    float* input = w.input[i];
    auto compress = [&](const float* from, int size) {
      for (int k = 0; k < size; k++) {
        const float x = from[k] / w.gain[i];
        *input++ = x / (1.0f + std::fabs(x) / 8.0f);
      }
    };
    const float *excitation_end = w.excitation[i] + t.excited(), *samples_end = w.samples[i] + heard;
    compress(excitation_end - t.past, t.past), compress(samples_end - t.past, t.past);
    if (t.lags) {
      float correlation;
      const int back = flow_period(t, samples_end, correlation) + t.kAhead;
      compress(excitation_end - back, t.kPeriod), compress(samples_end - back, t.kPeriod);
      *input = correlation;
    }
  }
  if (t.inputs())
    dense(t.input, w.input.read(), count, [&](int i, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) w.x[i][output + k] += values[k];
    });
  for (int l = 0; l < t.layers; l++) {
    const float* z[FlowWork::kStreams];
    for (int i = 0; i < count; i++) {
      float* slot = queues[i] + calls[i]->index / N % t.dilations[l] * R;
      std::copy(slot, slot + R, w.both[i]), std::copy(w.x[i], w.x[i] + R, w.both[i] + R), std::copy(w.x[i], w.x[i] + R, slot);
      queues[i] += static_cast<size_t>(t.dilations[l]) * R;
      z[i] = w.z[i] + l * R;
    }
    dense(t.dilated[l], w.both.read(), count, [&](int i, int output, const float* values, int n) {
      const float* add = FlowFrame(t, w.frames[i]).gates + l * 2 * R + output;
      for (int k = 0; k < n; k++) w.h[i][output + k] = values[k] + add[k];
    });
    for (int i = 0; i < count; i++)
      for (int k = 0; k < R; k += 16) store(w.z[i] + l * R + k, gate(load(w.h[i] + k), load(w.h[i] + R + k)));
    dense(t.residuals[l], z, count, [&](int i, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) w.x[i][output + k] += values[k];
    });
  }
  auto positive = [](const FlowWork::Rows& to) {
    return [&to](int i, int output, const float* values, int n) { copy_positive(values, n, to[i] + output); };
  };
  auto into = [](const FlowWork::Rows& to) {
    return [&to](int i, int output, const float* values, int n) { std::copy(values, values + n, to[i] + output); };
  };
  dense(t.skips, w.z.read(), count, positive(w.skip));
  dense(t.hidden, w.skip.read(), count, positive(w.hidden));
  dense(t.affine, w.hidden.read(), count, into(w.affine));
  if (t.couplings) dense(t.contexts, w.hidden.read(), count, into(w.contexts));
}

}  // namespace wavesynth::WAVESYNTH_ISA
