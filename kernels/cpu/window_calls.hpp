// What the samplers of log-mel windows (flow.cpp, harmonic.cpp) are called with: many streams, each with its state.
#pragma once
#include <string>
#include <vector>

#include "arrays.hpp"

namespace wavesynth {

using WindowStates = std::vector<nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>>;
using WindowIndices = nb::ndarray<uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// The calls for n samples of each stream, checked, with state, index and windows. windows [B] of [F, window, bands], a frame
// every `hop` samples, beginning with that of a stream's next sample; `rows` are those of the samples' array.
template <class Call>
std::vector<Call> window_calls(const WindowStates& states, const WindowIndices& indices, const std::vector<Array<float>>& windows, size_t rows,
                               size_t n, size_t state_size, size_t hop, size_t window, size_t bands) {
  const size_t B = states.size();
  if (indices.shape(0) != B || windows.size() != B || rows != B)
    throw std::invalid_argument("indices, windows and samples must have one entry for each of the " + std::to_string(B) + " states");
  std::vector<Call> calls(B);
  for (size_t s = 0; s < B; s++) {
    const uint64_t index = indices.data()[s];
    const size_t frames = n ? (index + n - 1) / hop - index / hop + 1 : 0;
    if (states[s].shape(0) != state_size)
      throw std::invalid_argument("a state has " + std::to_string(states[s].shape(0)) + " numbers; it must have " + std::to_string(state_size));
    if (windows[s].ndim() != 3 || windows[s].shape(0) < frames) throw std::invalid_argument("windows has too few frames: " + std::to_string(frames) + " are needed");
    expect("windows", windows[s], {windows[s].shape(0), window, bands});
    calls[s] = {};
    calls[s].state = states[s].data(), calls[s].index = index, calls[s].windows = windows[s].data();
  }
  return calls;
}

}  // namespace wavesynth
