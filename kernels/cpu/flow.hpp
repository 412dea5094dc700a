// Sampling a frame flow, block after block: wavesynth/models/frame_flow.py from the latents to the audio. Included once for
// each instruction set, after that set's simd_*.hpp.
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
  Rows frames, input, x, both, h, z, skip, hidden, affine, contexts, kept, change, latent;

  explicit FlowWork(const FlowTables& t) {
    const int R = t.residual;
    const int sizes[] = {t.frame_size(), t.inputs(), R, 2 * R, 2 * R, t.layers * R, t.skip, t.skip, 2 * t.block,
                         t.couplings * t.coupling_channels, std::max(t.coupling_channels, 2 * t.channels), t.block, t.block};
    Rows* rows[] = {&frames, &input, &x, &both, &h, &z, &skip, &hidden, &affine, &contexts, &kept, &change, &latent};
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

// The next block of each of `count` streams, at most FlowWork::kStreams, whose frames are in `work`; calls[i].index is that
// of the block's first sample.
inline void flow_blocks(const FlowTables& t, FlowCall* const* calls, FlowWork& w, int count) {
  const int R = t.residual, N = t.block, H = t.coupling_channels, half = N / 2, heard = t.heard(), per_hop = t.hop / N;
  float *queues[FlowWork::kStreams], *excitation[FlowWork::kStreams], *samples[FlowWork::kStreams], gain[FlowWork::kStreams];
  for (int i = 0; i < count; i++) {
    const FlowFrame frame(t, w.frames[i]);
    queues[i] = calls[i]->state;
    excitation[i] = queues[i] + static_cast<size_t>(t.queue_rows()) * R;
    samples[i] = excitation[i] + t.excited();
    const int position = static_cast<int>(calls[i]->index % t.hop) / N;
    const float towards = (static_cast<float>(position) + 0.5f) / static_cast<float>(per_hop) - 0.5f, part = std::fabs(towards);
    const int other = towards < 0 ? 0 : 2;
    gain[i] = exponential(frame.log_gains[1] + part * (frame.log_gains[other] - frame.log_gains[1]));
    const float *now = frame.entries + R, *beside = frame.entries + other * R;
    for (int k = 0; k < R; k++) w.x[i][k] = now[k] + part * (beside[k] - now[k]);
    float* input = w.input[i];
    auto compress = [&](const float* from, int size) {
      for (int k = 0; k < size; k++) {
        const float x = from[k] / gain[i];
        *input++ = x / (1.0f + std::fabs(x) / 8.0f);
      }
    };
    const float *excitation_end = excitation[i] + t.excited(), *samples_end = samples[i] + heard;
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
  for (int i = 0; i < count; i++)
    for (int k = 0; k < N; k++) {  // the logistic distribution's quantiles of uniform numbers (wavesynth/sampling/philox.py)
      const float u = (static_cast<float>(philox(calls[i]->seed, calls[i]->index + k) >> 9) + 0.5f) / 8388608.0f;
      w.latent[i][k] = calls[i]->temperature * logarithm(u / (1.0f - u));
    }
  for (int c = t.couplings - 1; c >= 0; c--) {
    // Coupling 0 changes the second half, 1 the first, 2 the odd samples, 3 the even.
    const int step = c % 4 < 2 ? 1 : 2, second = step == 1 ? half : 1, kept = c % 2 ? second : 0, changed = second - kept;
    const float* inputs[FlowWork::kStreams];
    for (int i = 0; i < count; i++) {
      inputs[i] = w.change[i];
      for (int k = 0; k < half; k++) w.change[i][k] = w.latent[i][kept + step * k];
    }
    dense(t.kept[c], inputs, count, [&](int i, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) w.kept[i][output + k] = std::max(w.contexts[i][c * H + output + k] + values[k], 0.0f);
    });
    dense(t.output[c], w.kept.read(), count, into(w.change));
    for (int i = 0; i < count; i++)
      for (int k = 0; k < half; k++) {
        float& x = w.latent[i][changed + step * k];
        x = (x - w.change[i][half + k]) * exponential(-t.limits[c * half + k] * hyperbolic_tangent(w.change[i][k]));
      }
  }
  for (int i = 0; i < count; i++) {
    const float* a = FlowFrame(t, w.frames[i]).filter;
    float* made = samples[i] + heard;  // the last block
    for (int k = 0; k < N; k++) {
      const float e = (w.latent[i][k] * exponential(bounded(w.affine[i][N + k], 8.0f)) + w.affine[i][k]) * gain[i];
      float x = e;
      for (int j = 0; j < t.order; j++) x = x - a[j] * (k > j ? made[k - 1 - j] : samples[i][heard + k - 1 - j]);
      made[k] = std::min(std::max(x, -1.0f), 1.0f);
      w.latent[i][k] = e;
    }
    auto remember = [N](float* memory, int size, const float* block) {
      const int kept = std::max(0, size - N);
      std::memmove(memory, memory + size - kept, kept * sizeof(float));
      std::copy(block + N - (size - kept), block + N, memory + kept);
    };
    remember(excitation[i], t.excited(), w.latent[i]), remember(samples[i], heard, made);
  }
}

void flow(const FlowTables& t, FlowCall* calls, int count, int n) {
  FlowWork work(t);
  const int last = t.state_size() - t.block;
  for (int first = 0; first < count; first += FlowWork::kStreams) {
    const int many = std::min(FlowWork::kStreams, count - first);
    uint64_t begin[FlowWork::kStreams], held[FlowWork::kStreams];  // the call's first sample; the frame that is in `rows`
    float* rows[FlowWork::kStreams];
    for (int i = 0; i < many; i++) begin[i] = calls[first + i].index, held[i] = ~uint64_t{0}, rows[i] = work.frames[i];
    for (bool more = true; more;) {
      more = false;
      FlowCall* next[FlowWork::kStreams];
      int stepping = 0;
      for (int i = 0; i < many; i++) {
        FlowCall& call = calls[first + i];
        const uint64_t end = begin[i] + n;
        const int within = static_cast<int>(call.index % t.block);
        if (within && call.index == begin[i]) {  // the rest of a block that an earlier call made
          const int rest = static_cast<int>(std::min<uint64_t>(t.block - within, end - call.index));
          std::copy(call.state + last + within, call.state + last + within + rest, call.samples);
          call.index += rest;
        }
        if (call.index >= end || call.index % t.block) continue;
        const uint64_t frame = call.index / t.hop;
        if (held[i] != frame) {
          const float* window = call.windows + (frame - begin[i] / t.hop) * 7 * t.bands;
          flow_frame(t, window, work.kept[0], FlowFrame(t, rows[i]));
          held[i] = frame;
        }
        work.frames.rows[stepping] = rows[i];
        next[stepping++] = &call;
      }
      if (!stepping) break;
      flow_blocks(t, next, work, stepping);
      for (int j = 0; j < stepping; j++) {
        FlowCall& call = *next[j];
        const int i = static_cast<int>(&call - calls) - first;
        const uint64_t done = call.index - begin[i];
        const int out = static_cast<int>(std::min<uint64_t>(t.block, n - done));
        std::copy(call.state + last, call.state + last + out, call.samples + done);
        call.index += out;
        more = more || call.index < begin[i] + n;
      }
    }
    for (int i = 0; i < many; i++) work.frames.rows[i] = rows[i];
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
