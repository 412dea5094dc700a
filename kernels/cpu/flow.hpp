// A frame flow, block after block: wavesynth/models/frame_flow.py from latents to audio, and from audio to its density.
// Included once for each instruction set, after that set's simd_*.hpp.
#pragma once
#include "flow_context.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// What coupling number c keeps and changes of a block: 0 changes the second half, 1 the first, 2 the odd samples, 3 the even.
struct FlowCoupling {
  int step, kept, changed;
  FlowCoupling(const FlowTables& t, int c) : step(c % 4 < 2 ? 1 : 2) {
    const int second = step == 1 ? t.block / 2 : 1;
    kept = c % 2 ? second : 0, changed = second - kept;
  }
};

// The coupling's network, of the half of the latents that it keeps, into w.change: [raw scale | shift], [block / 2] each.
inline void flow_coupling(const FlowTables& t, int c, FlowWork& w, int count) {
  const FlowCoupling part(t, c);
  const int H = t.coupling_channels, half = t.block / 2;
  const float* inputs[FlowWork::kStreams];
  for (int i = 0; i < count; i++) {
    inputs[i] = w.change[i];
    for (int k = 0; k < half; k++) w.change[i][k] = w.latent[i][part.kept + part.step * k];
  }
  dense(t.kept[c], inputs, count, [&](int i, int output, const float* values, int n) {
    for (int k = 0; k < n; k++) w.kept[i][output + k] = std::max(w.contexts[i][c * H + output + k] + values[k], 0.0f);
  });
  dense(t.output[c], w.kept.read(), count, [&](int i, int output, const float* values, int n) {
    std::copy(values, values + n, w.change[i] + output);
  });
}

// Stream i's excitation of a block is in w.latent, and its samples in its last block: both enter its memory.
inline void flow_remember(const FlowTables& t, FlowWork& w, int i) {
  const int N = t.block;
  auto remember = [N](float* memory, int size, const float* block) {
    const int kept = std::max(0, size - N);
    std::memmove(memory, memory + size - kept, kept * sizeof(float));
    std::copy(block + N - (size - kept), block + N, memory + kept);
  };
  remember(w.excitation[i], t.excited(), w.latent[i]), remember(w.samples[i], t.heard(), w.samples[i] + t.heard());
}

// The next block of each stream: the inverse of the flow, of latents that are drawn.
inline void flow_draw(const FlowTables& t, FlowCall* const* calls, FlowWork& w, int count) {
  const int N = t.block, half = N / 2, heard = t.heard();
  for (int i = 0; i < count; i++)
    for (int k = 0; k < N; k++) {  // the logistic distribution's quantiles of uniform numbers (wavesynth/sampling/philox.py)
      const float u = (static_cast<float>(philox(calls[i]->seed, calls[i]->index + k) >> 9) + 0.5f) / 8388608.0f;
      w.latent[i][k] = calls[i]->temperature * logarithm(u / (1.0f - u));
    }
  for (int c = t.couplings - 1; c >= 0; c--) {
    const FlowCoupling part(t, c);
    flow_coupling(t, c, w, count);
    for (int i = 0; i < count; i++)
      for (int k = 0; k < half; k++) {
        float& x = w.latent[i][part.changed + part.step * k];
        x = (x - w.change[i][half + k]) * exponential(-t.limits[c * half + k] * hyperbolic_tangent(w.change[i][k]));
      }
  }
  for (int i = 0; i < count; i++) {
    const float* a = FlowFrame(t, w.frames[i]).filter;
    float* made = w.samples[i] + heard;  // the last block
    for (int k = 0; k < N; k++) {
      const float e = (w.latent[i][k] * exponential(bounded(w.affine[i][N + k], 8.0f)) + w.affine[i][k]) * w.gain[i];
      float x = e;
      for (int j = 0; j < t.order; j++) x = x - a[j] * (k > j ? made[k - 1 - j] : w.samples[i][heard + k - 1 - j]);
      made[k] = std::min(std::max(x, -1.0f), 1.0f);
      w.latent[i][k] = e;
    }
    flow_remember(t, w, i);
  }
}

// The nats that the next block of each stream costs, whose samples are given: FrameFlow.forward.
inline void flow_cost(const FlowTables& t, FlowCall* const* calls, FlowWork& w, int count) {
  const int N = t.block, half = N / 2, heard = t.heard();
  double nats[FlowWork::kStreams];
  for (int i = 0; i < count; i++) {
    const float* a = FlowFrame(t, w.frames[i]).filter;
    float* made = w.samples[i] + heard;
    std::copy(calls[i]->given, calls[i]->given + N, made);
    nats[i] = static_cast<double>(w.log_gain[i]) * N;
    for (int k = 0; k < N; k++) {
      float e = made[k];
      for (int j = 0; j < t.order; j++) e = e + a[j] * made[k - 1 - j];
      const float log_scale = bounded(w.affine[i][N + k], 8.0f);
      w.latent[i][k] = (e / w.gain[i] - w.affine[i][k]) * exponential(-log_scale);
      w.excited[i][k] = e, nats[i] += log_scale;
    }
  }
  for (int c = 0; c < t.couplings; c++) {
    const FlowCoupling part(t, c);
    flow_coupling(t, c, w, count);
    for (int i = 0; i < count; i++)
      for (int k = 0; k < half; k++) {
        const float log_scale = t.limits[c * half + k] * hyperbolic_tangent(w.change[i][k]);
        float& z = w.latent[i][part.changed + part.step * k];
        z = z * exponential(log_scale) + w.change[i][half + k], nats[i] -= log_scale;
      }
  }
  for (int i = 0; i < count; i++) {
    for (int k = 0; k < N; k++) {  // of the logistic distribution
      const float z = std::fabs(w.latent[i][k]);
      nats[i] += z + 2.0f * logarithm(1.0f + exponential(std::max(-z, -80.0f)));
    }
    *calls[i]->nats++ = static_cast<float>(nats[i]);
    calls[i]->given += N;
    std::copy(w.excited[i], w.excited[i] + N, w.latent[i]);
    flow_remember(t, w, i);
  }
}

void flow(const FlowTables& t, FlowCall* calls, int count, int n, bool scoring) {
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
      flow_contexts(t, next, work, stepping);
      (scoring ? flow_cost : flow_draw)(t, next, work, stepping);
      for (int j = 0; j < stepping; j++) {
        FlowCall& call = *next[j];
        const int i = static_cast<int>(&call - calls) - first;
        const uint64_t done = call.index - begin[i];
        const int out = static_cast<int>(std::min<uint64_t>(t.block, n - done));
        if (!scoring) std::copy(call.state + last, call.state + last + out, call.samples + done);
        call.index += out;
        more = more || call.index < begin[i] + n;
      }
    }
    for (int i = 0; i < many; i++) work.frames.rows[i] = rows[i];
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
