// Who keeps the tables of stages.hpp: each class is made from arrays, checks them, and lays them out as its stage reads
// them. Weights come as PyTorch has them, [outputs, inputs].
#pragma once
#include <cmath>
#include <deque>
#include <utility>

#include "arrays.hpp"
#include "instruction_sets.hpp"

namespace wavesynth {

// The first entry of a row that is not zero, and the one after the last.
template <class T>
std::pair<int, int> extent(const T* row, size_t count) {
  size_t first = 0, end = count;
  while (first < end && row[first] == T{0}) first++;
  while (end > first && row[end - 1] == T{0}) end--;
  return {static_cast<int>(first), static_cast<int>(end)};
}

// exp(-2 pi i k / points), by Taylor's series within an eighth of a turn: the same bits everywhere.
inline std::pair<double, double> root(size_t k, size_t points) {
  const size_t eighth = points / 8, octant = k / eighth, within = k % eighth;
  const double angle = 0.78539816339744830962 * static_cast<double>(octant % 2 ? eighth - within : within) / static_cast<double>(eighth);
  double sine = 0, cosine = 0;
  for (int n = 20; n >= 2; n -= 2) {
    cosine = (1 + cosine) * (-angle * angle / ((n - 1) * n));
    sine = (1 + sine) * (-angle * angle / (n * (n + 1)));
  }
  cosine += 1, sine = angle * (1 + sine);
  const size_t quarter = (octant + 1) / 2;  // the axis from which the angle counts
  const double along = cosine, across = octant % 2 ? -sine : sine;
  switch (quarter % 4) {
    case 0: return {along, -across};
    case 1: return {-across, -along};
    case 2: return {-along, across};
    default: return {across, along};
  }
}

// The memory of dense layers.
class DenseLayers {
 public:
  DenseLayer add(const float* weights, const float* bias, size_t outputs, size_t inputs) {
    const size_t padded = (outputs + 15) / 16 * 16;
    std::vector<float> &w = memory_.emplace_back(padded * inputs), &b = memory_.emplace_back(padded);
    for (size_t row = 0; row < outputs; row++)
      for (size_t k = 0; k < inputs; k++) w[(row / 16 * inputs + k) * 16 + row % 16] = weights[row * inputs + k];
    if (bias) std::copy(bias, bias + outputs, b.begin());
    return {static_cast<int>(inputs), static_cast<int>(outputs), static_cast<int>(padded), w.data(), bias ? b.data() : nullptr};
  }

 private:
  std::deque<std::vector<float>> memory_;  // whose addresses stay
};

class LogMel {
 public:
  // taper [window], bank [bands, n_fft / 2 + 1].
  LogMel(Array<double> taper, Array<double> bank, double floor, const std::string& instruction_set) : set(choose(instruction_set)) {
    if (taper.ndim() != 1 || bank.ndim() != 2) throw std::invalid_argument("taper must be a vector, bank a matrix");
    const size_t window = taper.shape(0), bands = bank.shape(0), bins = bank.shape(1), points = 2 * (bins - 1);
    if (bins < 9 || points > 65536 || (points & (points - 1))) throw std::invalid_argument("bank has " + std::to_string(bins) + " columns; it must be half a power of two from 16 to 65536, and 1");
    if (window < 1 || window > points) throw std::invalid_argument("taper has " + std::to_string(window) + " samples; it must be from 1 to " + std::to_string(points));
    if (!(floor > 0)) throw std::invalid_argument("floor is " + std::to_string(floor) + "; it must be positive");
    taper_.assign(taper.data(), taper.data() + window), bank_.assign(bank.data(), bank.data() + bands * bins);
    for (size_t band = 0; band < bands; band++) {
      const auto [first, end] = extent(bank_.data() + band * bins, bins);
      first_bin_.push_back(first), end_bin_.push_back(end);
    }
    for (size_t k = 0; k < points; k++) {
      const auto [re, im] = root(k, points);
      root_re_.push_back(re), root_im_.push_back(im);
    }
    tables_ = {static_cast<int>(window), static_cast<int>(points), static_cast<int>(bands), taper_.data(), bank_.data(),
               first_bin_.data(), end_bin_.data(), floor, root_re_.data(), root_im_.data()};
  }
  LogMel(const LogMel&) = delete;
  LogMel& operator=(const LogMel&) = delete;

  const LogMelTables& tables() const { return tables_; }
  const InstructionSet& set;

 private:
  std::vector<double> taper_, bank_, root_re_, root_im_;
  std::vector<int> first_bin_, end_bin_;
  LogMelTables tables_;
};

class Conditioner {
 public:
  // hidden [channels, 5 bands], smooth [channels, 3 channels], output [width, channels], a bias for each, speakers [S, width].
  Conditioner(Array<float> hidden, Array<float> hidden_bias, Array<float> smooth, Array<float> smooth_bias, Array<float> output,
              Array<float> output_bias, Array<float> speakers, const std::string& instruction_set) : set(choose(instruction_set)) {
    if (hidden.ndim() != 2 || output.ndim() != 2 || speakers.ndim() != 2) throw std::invalid_argument("hidden, output and speakers must be matrices");
    const size_t channels = hidden.shape(0), inputs = hidden.shape(1), width = output.shape(0);
    if (inputs % 5) throw std::invalid_argument("hidden has " + std::to_string(inputs) + " columns; it must be a multiple of 5");
    expect("hidden_bias", hidden_bias, {channels}), expect("smooth", smooth, {channels, 3 * channels}), expect("smooth_bias", smooth_bias, {channels});
    expect("output", output, {width, channels}), expect("output_bias", output_bias, {width}), expect("speakers", speakers, {speakers.shape(0), width});
    speakers_.assign(speakers.data(), speakers.data() + speakers.shape(0) * width), speaker_count = speakers.shape(0);
    tables_ = {static_cast<int>(inputs / 5), static_cast<int>(channels), static_cast<int>(width),
               layers_.add(hidden.data(), hidden_bias.data(), channels, inputs),
               layers_.add(smooth.data(), smooth_bias.data(), channels, 3 * channels),
               layers_.add(output.data(), output_bias.data(), width, channels), speaker_count ? speakers_.data() : nullptr};
  }
  Conditioner(const Conditioner&) = delete;
  Conditioner& operator=(const Conditioner&) = delete;

  const ConditionerTables& tables() const { return tables_; }
  const InstructionSet& set;
  size_t speaker_count;

 private:
  DenseLayers layers_;
  std::vector<float> speakers_;
  ConditionerTables tables_;
};

class Converter {
 public:
  // hear [channels, window bands], input and recurrent [layers, 3 channels, channels], say [bands, 2 channels]; biases.
  Converter(Array<float> hear, Array<float> hear_bias, Array<float> input, Array<float> input_bias, Array<float> recurrent,
            Array<float> recurrent_bias, Array<float> say, Array<float> say_bias, float silence, const std::string& instruction_set)
      : set(choose(instruction_set)) {
    if (hear.ndim() != 2 || input.ndim() != 3 || say.ndim() != 2) throw std::invalid_argument("hear and say must be matrices, input must have three dimensions");
    const size_t channels = hear.shape(0), inputs = hear.shape(1), layers = input.shape(0), bands = say.shape(0), gates = 3 * channels;
    if (!bands || inputs % bands || !layers) throw std::invalid_argument("hear has " + std::to_string(inputs) + " columns; it must be a multiple of the rows of say, and input must have layers");
    expect("hear_bias", hear_bias, {channels}), expect("say", say, {bands, 2 * channels}), expect("say_bias", say_bias, {bands});
    expect("input", input, {layers, gates, channels}), expect("recurrent", recurrent, {layers, gates, channels});
    expect("input_bias", input_bias, {layers, gates}), expect("recurrent_bias", recurrent_bias, {layers, gates});
    for (size_t l = 0; l < layers; l++) {
      input_.push_back(layers_.add(input.data() + l * gates * channels, input_bias.data() + l * gates, gates, channels));
      recurrent_.push_back(layers_.add(recurrent.data() + l * gates * channels, recurrent_bias.data() + l * gates, gates, channels));
    }
    tables_ = {static_cast<int>(bands), static_cast<int>(channels), static_cast<int>(layers), static_cast<int>(inputs / bands),
               layers_.add(hear.data(), hear_bias.data(), channels, inputs), input_.data(), recurrent_.data(),
               layers_.add(say.data(), say_bias.data(), bands, 2 * channels), silence};
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  const ConverterTables& tables() const { return tables_; }
  const InstructionSet& set;

 private:
  DenseLayers layers_;
  std::vector<DenseLayer> input_, recurrent_;
  ConverterTables tables_;
};

class Resampler {
 public:
  // filter [up, taps].
  Resampler(int down, Array<float> filter, const std::string& instruction_set) : set(choose(instruction_set)) {
    if (filter.ndim() != 2 || !filter.shape(0) || !filter.shape(1) || down < 1) throw std::invalid_argument("filter must be a matrix, and down at least 1");
    const size_t up = filter.shape(0), taps = filter.shape(1);
    filter_.assign(filter.data(), filter.data() + up * taps);
    for (size_t phase = 0; phase < up; phase++) {
      const auto [first, end] = extent(filter_.data() + phase * taps, taps);
      first_tap_.push_back(first), end_tap_.push_back(end);
    }
    tables_ = {static_cast<int>(up), down, static_cast<int>(taps), filter_.data(), first_tap_.data(), end_tap_.data()};
  }
  Resampler(const Resampler&) = delete;
  Resampler& operator=(const Resampler&) = delete;

  const ResamplerTables& tables() const { return tables_; }
  const InstructionSet& set;

 private:
  std::vector<float> filter_;
  std::vector<int> first_tap_, end_tap_;
  ResamplerTables tables_;
};

}  // namespace wavesynth
