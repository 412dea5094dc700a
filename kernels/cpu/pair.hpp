// One stream over two cores, with the same bytes. Included after kernel.hpp.
//
// Only the layers are a chain, each waiting for the one before. The skip product, two fifths of all weights, can
// trail: a second core, the helper, adds each layer's share as its activations appear, from weights that stay in
// its own cache; and it makes half of the head.
//
//     chain    layer 0 | layer 1 | ... | layer L-1 |          | hidden, first  | output, first  | draw
//     helper             skip 0  | ... | skip L-2  | skip L-1 | hidden, second | output, second |
//
// They meet through counters that only grow. A helper that does not come, because its core has other work, is not
// waited for: the chain's core finishes that sample and the call alone, in memory that the helper does not touch.
#pragma once
#include "kernel.hpp"

namespace wavesynth::WAVESYNTH_ISA {

inline void publish(int& counter, int value) { __atomic_store_n(&counter, value, __ATOMIC_RELEASE); }
inline int seen(const int& counter) { return __atomic_load_n(&counter, __ATOMIC_ACQUIRE); }

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits for the helper, but not for ever: awake, it needs a few microseconds.
inline bool came(const int& counter, int value) {
  for (int tries = 0; tries < 5000; tries++) {
    if (seen(counter) >= value) return true;
    pause();
  }
  return false;
}

// The helper waits until the chain's core has come, or has given up.
inline bool came(const int& counter, int value, const int& abandoned) {
  while (seen(counter) < value) {
    if (seen(abandoned)) return false;
    pause();
  }
  return true;
}

// The head's rows are shared at a whole group near the middle.
inline int middle(const Matrix& m) { return m.rows / (32 * m.group) * 16 * m.group; }
inline Part first_part(const Matrix& m) { return {0, middle(m), 0, m.columns}; }
inline Part second_part(const Matrix& m) { return {middle(m), m.rows, 0, m.columns}; }

// A part of the head's two products, once `skip` is there; between them each core needs the other's hidden rows.
inline void hidden_part(const Int8Network& net, Meeting& meeting, Part part) {
  const uint8_t* skip = meeting.skip;
  product<1>(net.hidden, part, &skip, [&](int, int row, Ints x) { rectified(meeting.hidden, net.hidden, net.hidden_inverse_scale, row, x); });
}
inline void output_part(const Int8Network& net, Meeting& meeting, Part part, int32_t* sums) {
  const uint8_t* hidden = meeting.hidden;
  float* logits = meeting.values;
  output<1>(net, part, &hidden, &sums, &logits);
}

// One sample's logits, with the helper; false if it did not come.
inline bool head(const Int8Network& net, Meeting& meeting, int t) {
  if (!came(meeting.skips, t + 1)) return false;
  hidden_part(net, meeting, first_part(net.hidden));
  publish(meeting.first, t + 1);
  if (!came(meeting.second, t + 1)) return false;
  output_part(net, meeting, first_part(net.output_high), meeting.output_sums[0]);
  return came(meeting.logits, t + 1);
}

void lead(const Int8Network& net, StreamCall& stream, Meeting& meeting, int n) {
  static thread_local Workspace<1> work;
  begin_call<1>(net, &stream, work);
  bool paired = false, abandoned = false;
  for (int t = 0; t < n; t++) {
    if (!paired && !abandoned && seen(meeting.present)) {  // it takes some samples to wake up
      paired = true;
      publish(meeting.begin, t + 1);
    }
    layers<1>(net, &stream, work, [&](int l) {
      if (!paired) return;
      const size_t first = static_cast<size_t>(l) * net.residual;
      std::memcpy(meeting.activations + first, work.activations[0] + first, net.residual);
      publish(meeting.layers, t * net.layers + l + 1);
    });
    if (paired && !head(net, meeting, t)) {
      paired = false, abandoned = true;
      publish(meeting.abandoned, 1);
    }
    if (!paired) head<1>(net, work);
    stream.token = stream.tokens[t] = draw(paired ? meeting.values : work.logits[0], work.sums[0], net.classes, stream);
    stream.index++;
  }
  if (!paired) publish(meeting.abandoned, 1);
}

void help(const Int8Network& net, Meeting& meeting, int n) {
  int32_t* sums = meeting.skip_sums;
  publish(meeting.present, 1);
  if (!came(meeting.begin, 1, meeting.abandoned)) return;
  for (int t = meeting.begin - 1; t < n; t++) {
    for (int l = 0; l < net.layers; l++) {
      if (!came(meeting.layers, t * net.layers + l + 1, meeting.abandoned)) return;
      const Part part = {0, net.skips.rows, l * net.residual, net.residual};
      const uint8_t* z = meeting.activations + static_cast<size_t>(l) * net.residual;
      const int32_t* start = l ? sums : net.skips.start;
      product<1>(net.skips, part, &start, &z, [&](int, int row, Ints x) { store(sums + row, x); });
    }
    for (int row = 0; row < net.skips.rows; row += 16) rectified(meeting.skip, net.skips, net.skip_inverse_scale, row, load(sums + row));
    publish(meeting.skips, t + 1);
    hidden_part(net, meeting, second_part(net.hidden));
    publish(meeting.second, t + 1);
    if (!came(meeting.first, t + 1, meeting.abandoned)) return;
    output_part(net, meeting, second_part(net.output_high), meeting.output_sums[1]);
    publish(meeting.logits, t + 1);
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
