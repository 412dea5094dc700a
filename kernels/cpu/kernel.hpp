// The sampler: n samples of up to kMaxBatch streams at once, so that one reading of the weights serves all of
// them. Included once for each instruction set, after that set's simd_*.hpp.
#pragma once
#include <cstring>

#include "network.hpp"
#include "softmax.hpp"

namespace wavesynth::WAVESYNTH_ISA {

int activation_offset() { return kOffset; }

// A part of a matrix: rows `first` to `last` and `columns` columns from `column` on.
struct Part { int first, last, column, columns; };
inline Part whole(const Matrix& m) { return {0, m.rows, 0, m.columns}; }

// Sums of W x over a part of W for B streams, beginning with `start`; x[s] is of the part's first column. A part has at
// most kMostColumns columns.
// `use(s, row, sums)` gets them 16 rows at a time.
template <int B, int Group, class Weights, class Use>
inline void product(const Matrix& m, Part part, const int32_t* const* start, const Operand<Weights>* x, Use use) {
  constexpr int kBlocks = Group < blocks(B) ? Group : blocks(B);
  for (int group = part.first; group < part.last; group += 16 * Group) {
    for (int row = group; row < group + 16 * Group; row += 16 * kBlocks) {
      const int8_t* w = m.weights + static_cast<size_t>(group) * m.columns + 16 * Group * part.column + 4 * (row - group);
      // Unrolled, so that every sum has a register of its own.
      Sums sums[B][kBlocks];
#pragma GCC unroll 8
      for (int s = 0; s < B; s++)
#pragma GCC unroll 8
        for (int b = 0; b < kBlocks; b++) sums[s][b] = begin(start[s] + row + 16 * b);
      for (int k = 0; k < part.columns; k += 4, w += 64 * Group) {
        decltype(quad(x[0], k)) q[B];
#pragma GCC unroll 8
        for (int s = 0; s < B; s++) q[s] = quad(x[s], k);
#pragma GCC unroll 8
        for (int b = 0; b < kBlocks; b++) {
          if (kPrefetch) __builtin_prefetch(w + 64 * b + kPrefetch);
          const Block block = read_block(w + 64 * b);
#pragma GCC unroll 8
          for (int s = 0; s < B; s++) accumulate(sums[s][b], q[s], block);
        }
      }
#pragma GCC unroll 8
      for (int s = 0; s < B; s++)
#pragma GCC unroll 8
        for (int b = 0; b < kBlocks; b++) use(s, row + 16 * b, finish(sums[s][b], x[s]));
    }
  }
}

template <int B, class Weights = AnyWeights, class Use>
inline void product(const Matrix& m, Part part, const int32_t* const* start, const uint8_t* const* x, Use use) {
  Operand<Weights> operands[B];
  for (int s = 0; s < B; s++) operands[s].prepare(x[s], part.columns);
  if (m.group == 4) return product<B, 4>(m, part, start, operands, use);
  return product<B, 1>(m, part, start, operands, use);
}

// The same, beginning with what undoes the activations' offset.
template <int B, class Weights = AnyWeights, class Use>
inline void product(const Matrix& m, Part part, const uint8_t* const* x, Use use) {
  const int32_t* start[B];
  for (int s = 0; s < B; s++) start[s] = m.start;
  product<B, Weights>(m, part, start, x, use);
}
template <int B, class Use>
inline void product(const Matrix& m, const uint8_t* const* x, Use use) {
  product<B>(m, whole(m), x, use);
}

inline Floats scaled(const Matrix& m, int row, Ints sums) { return mul(to_floats(sums), load(m.scale + row)); }
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

// Scaled activations as bytes: the high byte, rounded, and if there are two the low one, in 256ths.
inline void store_bytes(uint8_t* high, Floats scaled) { store_signed(high, round(scaled)); }
inline void store_bytes(uint8_t* high, uint8_t* low, Floats scaled) {
  const Floats least = splat(-128.0f), most = splat(127.0f);
  const Ints whole = round(min(max(scaled, least), most));
  store_signed(high, whole);
  store_signed(low, round(min(max(mul(sub(scaled, to_floats(whole)), splat(256.0f)), least), most)));
}

// What sums over low bytes add to sums over high ones.
inline Ints carried(Ints sums) { return shift_right(add(sums, splat(128)), 8); }

// What one batch of streams works with between two samples.
template <int B>
struct Workspace {
  // A few cache lines more than a power of two: two streams' values at one distance of 4,096 bytes would stand in
  // each other's way, in the cache and in the store buffer.
  static constexpr int kStride = kMaxChannels + 5 * 16;
  alignas(64) float x[2][B][kStride];    // the streams: a layer's input in one, in a reversible network the other's beside
  alignas(64) float logits[B][kStride];
  alignas(64) float h[B][kStride];       // what the gate gets
  alignas(64) int32_t sums[B][kStride], low[B][kStride];
  alignas(64) uint8_t skip[B][kStride], hidden[B][kStride], low_z[B][kStride];
  alignas(64) uint8_t activations[B][kMaxLayers * kMaxResidual + 5 * 64];  // [L][R]
  int slots[B][kMaxLayers];              // row of each layer's ring buffer
  uint64_t first_frame[B];               // the frame that the conditioning begins with
};

template <int B>
void begin_call(const Int8Network& net, const StreamCall* streams, Workspace<B>& work) {
  for (int s = 0; s < B; s++) {
    work.first_frame[s] = streams[s].index / net.hop;
    for (int l = 0; l < net.layers; l++) work.slots[s][l] = static_cast<int>(streams[s].index % net.dilations[l]);
  }
}

// One sample's layers: from the last class to the activations of all layers. `done(l)` is told when layer l's are
// there.
template <int B, class Done>
inline void layers(const Int8Network& net, const StreamCall* streams, Workspace<B>& work, Done done) {
  const int R = net.residual, width = net.entry_width();
  const float* conditioning[B];
  uint8_t* queue[B];
  const int32_t *sums[B], *low_sums[B];
  for (int s = 0; s < B; s++) {
    const uint64_t frame = streams[s].index / net.hop - work.first_frame[s];
    conditioning[s] = streams[s].conditioning + frame * net.layers * 2 * R;
    queue[s] = streams[s].queues;
    sums[s] = work.sums[s], low_sums[s] = work.low[s];
    for (int stream = 0; stream <= net.reversible; stream++)
      std::memcpy(work.x[stream][s], net.embedding + static_cast<size_t>(streams[s].token) * R, R * sizeof(float));
  }
  for (int l = 0; l < net.layers; l++) {
    const float* input_inverse_scale = net.input_inverse_scale + static_cast<size_t>(l) * R;
    const float* gate_inverse_scale = net.gate_inverse_scale + static_cast<size_t>(l) * R;
    const Matrix &now = net.now[l], &residual = net.residuals[l];
    // A layer reads one stream and adds to the other, and the next one the other way round; or there is but one.
    const auto &input = work.x[net.reversible ? l % 2 : 0];
    auto &onto = work.x[net.reversible ? 1 - l % 2 : 0];
    const uint8_t *entry[B], *low[B], *z[B], *low_z[B];
    for (int s = 0; s < B; s++) entry[s] = queue[s] + static_cast<size_t>(work.slots[s][l]) * width, low[s] = entry[s] + R;
    if (l + 1 < net.layers)  // the next layer's entry is seldom in a near cache
      for (int s = 0; s < B; s++) __builtin_prefetch(queue[s] + static_cast<size_t>(net.dilations[l] + work.slots[s][l + 1]) * width);
    product<B>(net.past[l], entry, [&](int s, int row, Ints x) { store(work.sums[s] + row, x); });
    if (net.wide) product<B>(net.past[l], low, [&](int s, int row, Ints x) { store(work.low[s] + row, x); });
    for (int s = 0; s < B; s++) {  // this sample's entry takes the place of the past one's
      uint8_t* out = queue[s] + static_cast<size_t>(work.slots[s][l]) * width;
      for (int i = 0; i < R; i += 16) {
        const Floats scaled = mul(load(input[s] + i), load(input_inverse_scale + i));
        if (net.wide) store_bytes(out + i, out + R + i, scaled);
        else store_bytes(out + i, scaled);
      }
    }
    if (net.wide)
      product<B>(now, whole(now), low_sums, low, [&](int s, int row, Ints x) {
        store(work.sums[s] + row, add(load(work.sums[s] + row), carried(x)));
      });
    product<B>(now, whole(now), sums, entry, [&](int s, int row, Ints x) {
      store(work.h[s] + row, add(scaled(now, row, x), load(conditioning[s] + static_cast<size_t>(l) * 2 * R + row)));
    });
    for (int s = 0; s < B; s++) {
      uint8_t* out = work.activations[s] + static_cast<size_t>(l) * R;
      z[s] = out, low_z[s] = work.low_z[s];
      for (int i = 0; i < R; i += 16) {
        const Floats scaled = mul(gate(load(work.h[s] + i), load(work.h[s] + R + i)), load(gate_inverse_scale + i));
        if (net.wide) store_bytes(out + i, work.low_z[s] + i, scaled);
        else store_bytes(out + i, scaled);
      }
    }
    done(l);
    const auto next = [&](int s, int row, Ints x) { store(onto[s] + row, add(load(onto[s] + row), affine(residual, row, x))); };
    if (net.wide) {
      product<B>(residual, low_z, [&](int s, int row, Ints x) { store(work.sums[s] + row, add(load(residual.start + row), carried(x))); });
      product<B>(residual, whole(residual), sums, z, next);
    } else {
      product<B>(residual, z, next);
    }
    for (int s = 0; s < B; s++) {
      queue[s] += static_cast<size_t>(net.dilations[l]) * width;
      if (++work.slots[s][l] == net.dilations[l]) work.slots[s][l] = 0;
    }
  }
}

// relu, then to bytes: what the head's products hand on.
inline void rectified(uint8_t* out, const Matrix& m, const float* inverse_scale, int row, Ints sums) {
  store_unsigned(out + row, round(mul(max(affine(m, row, sums), splat(0.0f)), load(inverse_scale + row))));
}

// The two products of 8 bits that make one of 14: rows of `part`; `sums` is room for the first.
template <int B>
inline void output(const Int8Network& net, Part part, const uint8_t* const* hidden, int32_t* const* sums, float* const* logits) {
  const int32_t* high[B];
  for (int s = 0; s < B; s++) high[s] = sums[s];
  product<B, SmallWeights>(net.output_high, part, hidden, [&](int s, int row, Ints x) { store(sums[s] + row, shift_left(x, 7)); });
  product<B, SmallWeights>(net.output_low, part, high, hidden, [&](int s, int row, Ints x) { store(logits[s] + row, affine(net.output_low, row, x)); });
}

// One sample's logits from its activations.
template <int B>
inline void head(const Int8Network& net, Workspace<B>& work) {
  const uint8_t *activations[B], *skip[B], *hidden[B];
  int32_t* sums[B];
  float* logits[B];
  for (int s = 0; s < B; s++)
    activations[s] = work.activations[s], skip[s] = work.skip[s], hidden[s] = work.hidden[s], sums[s] = work.sums[s], logits[s] = work.logits[s];
  const int32_t* start[B];
  for (int s = 0; s < B; s++) start[s] = net.skips.start;
  for (int first = 0, columns = net.skips.columns; first < columns; first += kMostColumns) {
    if (columns - first <= kMostColumns) {
      product<B>(net.skips, {0, net.skips.rows, first, columns - first}, start, activations, [&](int s, int row, Ints x) {
        rectified(work.skip[s], net.skips, net.skip_inverse_scale, row, x);
      });
      break;
    }
    product<B>(net.skips, {0, net.skips.rows, first, kMostColumns}, start, activations, [&](int s, int row, Ints x) { store(work.sums[s] + row, x); });
    for (int s = 0; s < B; s++) start[s] = work.sums[s], activations[s] += kMostColumns;
  }
  product<B>(net.hidden, skip, [&](int s, int row, Ints x) { rectified(work.hidden[s], net.hidden, net.hidden_inverse_scale, row, x); });
  output<B>(net, whole(net.output_high), hidden, sums, logits);
}

template <int B>
void advance(const Int8Network& net, StreamCall* streams, Workspace<B>& work, int n) {
  begin_call<B>(net, streams, work);
  for (int t = 0; t < n; t++) {
    layers<B>(net, streams, work, [](int) {});
    head<B>(net, work);
    for (int s = 0; s < B; s++) {
      StreamCall& stream = streams[s];
      stream.token = stream.tokens[t] = draw(work.logits[s], work.sums[s], net.classes, stream);
      stream.index++;
    }
  }
}

// The same with given classes. Where nobody asks what they cost, the head is not needed.
template <int B>
void follow(const Int8Network& net, StreamCall* streams, Workspace<B>& work, int n) {
  begin_call<B>(net, streams, work);
  for (int t = 0; t < n; t++) {
    layers<B>(net, streams, work, [](int) {});
    if (streams[0].bits) head<B>(net, work);
    for (int s = 0; s < B; s++) {
      StreamCall& stream = streams[s];
      stream.token = stream.tokens[t];
      if (stream.bits) stream.bits[t] = bits_of(work.logits[s], net.classes, stream.token, stream.inverse_temperature);
      stream.index++;
    }
  }
}

// `run` with as many streams at once as one reading of the weights serves, then with the others.
template <int B, class Run>
void batches(const Int8Network& net, StreamCall*& streams, int& left, Run run) {
  if (left >= B) {
    static thread_local Workspace<B> work;
    for (; left >= B; left -= B, streams += B) run(streams, work);
  }
  if constexpr (B > 1) batches<B - 1>(net, streams, left, run);
}

int batch() { return kMaxBatch; }

void advance(const Int8Network& net, StreamCall* streams, int count, int n) {
  batches<kMaxBatch>(net, streams, count, [&](StreamCall* some, auto& work) { advance(net, some, work, n); });
}

void follow(const Int8Network& net, StreamCall* streams, int count, int n) {
  batches<kMaxBatch>(net, streams, count, [&](StreamCall* some, auto& work) { follow(net, some, work, n); });
}

}  // namespace wavesynth::WAVESYNTH_ISA
