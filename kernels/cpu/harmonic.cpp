// The Python class HarmonicSampler: it is made of a network's weights by their names, checks them, and lays them out.
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>

#include "harmonic_tables.hpp"
#include "stage_tables.hpp"
#include "window_calls.hpp"

namespace wavesynth {

namespace {

class HarmonicSampler {
 public:
  // level [bands]; band and above, both [bins], say between which bands a bin is; fade [2 hop].
  HarmonicSampler(int pitches, int per_octave, float lowest, int noises, float minimum_phase, float sample_rate,
                  const std::map<std::string, Array<float>>& weights, Array<float> level, Array<int32_t> band, Array<float> above,
                  Array<float> fade, const std::string& instruction_set)
      : set_(choose(instruction_set)) {
    HarmonicTables& t = tables_;
    t = {};
    t.pitches = pitches, t.per_octave = per_octave, t.lowest = lowest, t.noises = noises, t.minimum_phase = minimum_phase;
    t.sample_rate = sample_rate;
    const size_t bands = level.size(), bins = band.size(), hop = fade.size() / 2, points = 2 * (bins - 1);
    if (pitches < 3 || per_octave < 1 || noises < 1 || !(lowest > 0) || !(sample_rate > 0) || weights.size() < 4 || weights.size() % 2)
      throw std::invalid_argument("shape is none of a harmonic voice");
    if (bins < 9 || points > 65536 || (points & (points - 1))) throw std::invalid_argument("band has " + std::to_string(bins) + " numbers; it must have half a power of two from 16 to 65536, and 1");
    if (hop < 16 || hop % 16 || 2 * hop > points) throw std::invalid_argument("fade has " + std::to_string(fade.size()) + " numbers; it must have twice a multiple of 16, at most " + std::to_string(points));
    expect("level", level, {bands}), expect("band", band, {bins}), expect("above", above, {bins}), expect("fade", fade, {2 * hop});
    for (size_t k = 0; k < bins; k++)
      if (band.data()[k] < 0 || band.data()[k] >= static_cast<int>(bands)) throw std::invalid_argument("band must be from 0 to " + std::to_string(bands - 1));
    t.bands = static_cast<int>(bands), t.hop = static_cast<int>(hop), t.points = static_cast<int>(points);
    t.layers = static_cast<int>(weights.size() / 2) - 1;
    auto weight = [&](int layer, const char* what) {
      const std::string name = "dense." + std::to_string(layer) + "." + what;
      const auto found = weights.find(name);
      if (found == weights.end()) throw std::invalid_argument("there is no " + name);
      return found->second;
    };
    size_t inputs = HarmonicTables::kWindow * bands;
    for (int l = 0; l <= t.layers; l++) {
      const Array<float> matrix = weight(l, "weight"), bias = weight(l, "bias");
      const size_t outputs = l == t.layers ? static_cast<size_t>(1 + pitches + noises) : bias.size();
      if (l == 0) t.channels = static_cast<int>(outputs);
      if (l < t.layers && outputs != static_cast<size_t>(t.channels)) throw std::invalid_argument("hidden layers must have the same channels");
      expect("weight", matrix, {outputs, inputs}), expect("bias", bias, {outputs});
      dense_.push_back(layers_.add(matrix.data(), bias.data(), outputs, inputs));
      inputs = outputs;
    }
    level_.assign(level.data(), level.data() + bands), above_.assign(above.data(), above.data() + bins);
    fade_.assign(fade.data(), fade.data() + 2 * hop), band_.assign(band.data(), band.data() + bins);
    for (size_t k = 0; k < points; k++) {
      const auto [re, im] = root(k, points);
      root_re_.push_back(re), root_im_.push_back(im);
    }
    t.dense = dense_.data(), t.level = level_.data(), t.above = above_.data(), t.fade = fade_.data(), t.band = band_.data();
    t.root_re = root_re_.data(), t.root_im = root_im_.data();
  }
  HarmonicSampler(const HarmonicSampler&) = delete;
  HarmonicSampler& operator=(const HarmonicSampler&) = delete;

  size_t state_size() const { return tables_.state_size(); }
  std::string instruction_set() const { return set_.name; }

  // states [B] of [state_size], indices [B] and samples [B, n] are changed in place; windows [B] of [F, 7, bands].
  void advance(WindowStates states, WindowIndices indices, Array<uint64_t> seeds, Array<float> temperatures, std::vector<Array<float>> windows,
               nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> samples) const {
    const HarmonicTables& t = tables_;
    const size_t B = states.size(), n = samples.shape(1);
    std::vector<HarmonicCall> calls = window_calls<HarmonicCall>(states, indices, windows, samples.shape(0), n, state_size(), t.hop, t.kWindow, t.bands);
    expect("seeds", seeds, {B}), expect("temperatures", temperatures, {B});
    for (size_t s = 0; s < B; s++)
      calls[s].seed = seeds.data()[s], calls[s].temperature = temperatures.data()[s], calls[s].samples = samples.data() + s * n;
    {
      nb::gil_scoped_release unlocked;
      set_.harmonic(t, calls.data(), static_cast<int>(B), static_cast<int>(n));
    }
    for (size_t s = 0; s < B; s++) indices.data()[s] += n;
  }

 private:
  const InstructionSet& set_;
  DenseLayers layers_;
  std::vector<DenseLayer> dense_;
  std::vector<float> level_, above_, fade_;
  std::vector<int> band_;
  std::vector<double> root_re_, root_im_;
  HarmonicTables tables_;
};

}  // namespace

void add_harmonic(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<HarmonicSampler>(m, "HarmonicSampler")
      .def(nb::init<int, int, float, int, float, float, const std::map<std::string, Array<float>>&, Array<float>, Array<int32_t>, Array<float>,
                    Array<float>, const std::string&>(),
           "pitches"_a, "per_octave"_a, "lowest"_a, "noises"_a, "minimum_phase"_a, "sample_rate"_a, "weights"_a, "level"_a, "band"_a,
           "above"_a, "fade"_a, "instruction_set"_a = "")
      .def("advance", &HarmonicSampler::advance, "states"_a, "indices"_a, "seeds"_a, "temperatures"_a, "windows"_a, "samples"_a)
      .def_prop_ro("state_size", &HarmonicSampler::state_size, "Numbers that a stream's state has.")
      .def_prop_ro("instruction_set", &HarmonicSampler::instruction_set);
}

}  // namespace wavesynth
