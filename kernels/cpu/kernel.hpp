// The sampler: n samples of up to kMaxBatch streams at once, so that one reading of the weights serves all of
// them. Included once for each instruction set, after that set's simd_*.hpp.
#pragma once
#include <cstring>

#include "network.hpp"
#include "philox.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// What one batch of streams works with between two samples.
template <int B>
struct Workspace {
  alignas(64) float x[B][kMaxChannels];
  alignas(64) float h[B][2 * kMaxChannels];
  alignas(64) uint8_t inputs[B][2 * kMaxChannels];  // (past, now)
  alignas(64) int32_t sums[B][kMaxChannels];
  alignas(64) uint8_t activations[B][kMaxLayers * kMaxResidual];  // [L][R]
  int slots[B][kMaxLayers];             // row of each layer's ring buffer
};

// Sums of `Blocks` blocks of rows, from the group's block `first` on, for B streams; `use(s, row, sums)` gets
// them 16 rows at a time.
template <int B, int Group, class Use>
inline void product(const Matrix& m, const uint8_t* const* x, Use use) {
  constexpr int kBlocks = Group < blocks(B) ? Group : blocks(B);
  for (int row = 0; row < m.rows; row += 16 * Group) {
    for (int first = 0; first < Group; first += kBlocks) {
      const int8_t* w = m.weights + static_cast<size_t>(row) * m.columns + 64 * first;
      Sums sums[B][kBlocks];
      for (int s = 0; s < B; s++)
        for (int b = 0; b < kBlocks; b++) sums[s][b] = begin(m.start + row + 16 * (first + b));
      for (int k = 0; k < m.columns; k += 4, w += 64 * Group) {
        Quad q[B];
        for (int s = 0; s < B; s++) q[s] = quad(x[s] + k);
        for (int b = 0; b < kBlocks; b++)
          for (int s = 0; s < B; s++) sums[s][b] = accumulate(sums[s][b], q[s], w + 64 * b);
      }
      for (int s = 0; s < B; s++)
        for (int b = 0; b < kBlocks; b++) use(s, row + 16 * (first + b), finish(sums[s][b]));
    }
  }
}

template <int B, class Use>
inline void product(const Matrix& m, const uint8_t* const* x, Use use) {
  if (m.group == 4) return product<B, 4>(m, x, use);
  return product<B, 1>(m, x, use);
}

inline Floats scaled(const Matrix& m, int row, Ints sums) { return mul(to_floats(sums), load(m.step + row)); }
inline Floats affine(const Matrix& m, int row, Ints sums) { return add(scaled(m, row, sums), load(m.bias + row)); }

// tanh(a) as numerator / denominator, GATE in int8.py
inline void tanh_quotient(Floats a, Floats& numerator, Floats& denominator) {
  Floats s = mul(a, a);
  numerator = mul(add(mul(add(s, splat(155.3146209716797f)), s), splat(1526.5433349609375f)), a);
  denominator = add(mul(add(mul(splat(19.298025131225586f), s), splat(663.4156494140625f)), s), splat(1526.833251953125f));
}

inline Floats gate(Floats filter, Floats gated) {
  const Floats high = splat(5.0f), low = splat(-5.0f);
  Floats na, da, nb, db;
  tanh_quotient(min(max(filter, low), high), na, da);
  tanh_quotient(min(max(mul(gated, splat(0.5f)), low), high), nb, db);
  return div(mul(na, add(db, nb)), mul(da, add(db, db)));
}

// The class whose cumulated softmax weight first exceeds a random share of the total (draw.py). `weights` is
// room for the softmax's numerators.
inline int32_t draw(const float* logits, int32_t* weights, int classes, const Stream& stream) {
  Floats most = load(logits);
  for (int i = 16; i < classes; i += 16) most = max(most, load(logits + i));
  const Floats top = splat(highest(most)), inverse = splat(stream.inverse_temperature), floor = splat(-30.0f);
  Ints sum = splat(0);
  for (int i = 0; i < classes; i += 16) {
    Floats scaled = max(mul(sub(load(logits + i), top), inverse), floor);
    Ints whole = round(scaled);
    Floats f = sub(scaled, to_floats(whole));
    Floats power = splat(0.009676046669483185f);
    power = add(mul(power, f), splat(0.055922120809555054f));
    power = add(mul(power, f), splat(0.2402210682630539f));
    power = add(mul(power, f), splat(0.6931210160255432f));
    power = add(mul(power, f), splat(1.0000001192092896f));
    Ints weight = round(mul(power, as_floats(shift_left(add(whole, splat(127 + 21)), 23))));
    store(weights + i, weight);
    sum = add(sum, weight);
  }
  const uint64_t share = static_cast<uint64_t>(philox(stream.seed, stream.index)) * static_cast<uint32_t>(total(sum)) >> 32;
  uint64_t cumulated = 0;
  for (int i = 0; i < classes; i += 16) {
    uint64_t block = static_cast<uint32_t>(total(load(weights + i)));
    if (cumulated + block > share)
      for (;; i++)
        if ((cumulated += static_cast<uint32_t>(weights[i])) > share) return i;
    cumulated += block;
  }
  return classes - 1;  // not reached: share is less than the total
}

template <int B>
void advance(const Network& net, Stream* streams, Workspace<B>& work, int n) {
  const int R = net.residual, A = net.classes;
  const uint8_t *inputs[B], *activations[B], *z[B];
  for (int s = 0; s < B; s++) {
    inputs[s] = work.inputs[s];
    activations[s] = work.activations[s];
    for (int l = 0; l < net.layers; l++) work.slots[s][l] = static_cast<int>(streams[s].index % net.dilations[l]);
  }
  const uint64_t hop = net.hop;
  uint64_t first_frame[B];
  for (int s = 0; s < B; s++) first_frame[s] = streams[s].index / hop;

  for (int t = 0; t < n; t++) {
    const float* conditioning[B];
    uint8_t* queue[B];
    for (int s = 0; s < B; s++) {
      conditioning[s] = streams[s].conditioning + (streams[s].index / hop - first_frame[s]) * net.layers * 2 * R;
      queue[s] = streams[s].queues;
      std::memcpy(work.x[s], net.embedding + static_cast<size_t>(streams[s].token) * R, R * sizeof(float));
    }
    for (int l = 0; l < net.layers; l++) {
      const int dilation = net.dilations[l];
      const float* input_gain = net.input_gain + static_cast<size_t>(l) * R;
      const float* gate_gain = net.gate_gain + static_cast<size_t>(l) * R;
      for (int s = 0; s < B; s++) {
        int& slot = work.slots[s][l];
        uint8_t* row = queue[s] + static_cast<size_t>(slot) * R;
        std::memcpy(work.inputs[s], row, R);
        for (int i = 0; i < R; i += 16)
          store_signed(work.inputs[s] + R + i, round(mul(load(work.x[s] + i), load(input_gain + i))));
        std::memcpy(row, work.inputs[s] + R, R);
        queue[s] += static_cast<size_t>(dilation) * R;
        if (++slot == dilation) slot = 0;
      }
      const Matrix& dilated = net.dilated[l];
      product<B>(dilated, inputs, [&](int s, int row, Ints sums) {
        store(work.h[s] + row, add(scaled(dilated, row, sums), load(conditioning[s] + static_cast<size_t>(l) * 2 * R + row)));
      });
      for (int s = 0; s < B; s++) {
        uint8_t* out = work.activations[s] + static_cast<size_t>(l) * R;
        z[s] = out;
        for (int i = 0; i < R; i += 16)
          store_signed(out + i, round(mul(gate(load(work.h[s] + i), load(work.h[s] + R + i)), load(gate_gain + i))));
      }
      const Matrix& residual = net.residuals[l];
      product<B>(residual, z, [&](int s, int row, Ints sums) {
        store(work.x[s] + row, add(load(work.x[s] + row), affine(residual, row, sums)));
      });
    }

    const Floats zero = splat(0.0f);
    product<B>(net.skips, activations, [&](int s, int row, Ints sums) {
      Floats skip = max(affine(net.skips, row, sums), zero);
      store_unsigned(work.inputs[s] + row, round(mul(skip, load(net.skip_gain + row))));
    });
    // The hidden layer's bytes go where h stood, since the product still reads `inputs`.
    const uint8_t* hidden[B];
    for (int s = 0; s < B; s++) hidden[s] = reinterpret_cast<uint8_t*>(work.h[s]);
    product<B>(net.hidden, inputs, [&](int s, int row, Ints sums) {
      Floats value = max(affine(net.hidden, row, sums), zero);
      store_unsigned(const_cast<uint8_t*>(hidden[s]) + row, round(mul(value, load(net.hidden_gain + row))));
    });
    product<B>(net.output_high, hidden, [&](int s, int row, Ints sums) { store(work.sums[s] + row, shift_left(sums, 8)); });
    product<B>(net.output_low, hidden, [&](int s, int row, Ints sums) {
      store(work.x[s] + row, affine(net.output_low, row, add(sums, load(work.sums[s] + row))));
    });
    for (int s = 0; s < B; s++) {
      Stream& stream = streams[s];
      stream.token = stream.tokens[t] = draw(work.x[s], work.sums[s], A, stream);
      stream.index++;
    }
  }
}

template <int B>
void batches(const Network& net, Stream*& streams, int& left, int n) {
  if (left >= B) {
    static thread_local Workspace<B> work;
    for (; left >= B; left -= B, streams += B) advance<B>(net, streams, work, n);
  }
  if constexpr (B > 1) batches<B - 1>(net, streams, left, n);
}

void advance(const Network& net, Stream* streams, int count, int n) { batches<kMaxBatch>(net, streams, count, n); }

}  // namespace wavesynth::WAVESYNTH_ISA
