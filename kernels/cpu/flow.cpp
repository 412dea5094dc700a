// The Python class FlowSampler: it is made of a frame flow's weights by their names, checks them, and lays them out.
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>

#include "flow_tables.hpp"
#include "stage_tables.hpp"
#include "window_calls.hpp"

namespace wavesynth {

namespace {

class FlowSampler {
 public:
  // shape: block, order, past, lags, layers, residual, skip, couplings, coupling_channels, bands, channels, hop.
  FlowSampler(const std::map<std::string, int>& shape, const std::map<std::string, Array<float>>& weights, const std::string& instruction_set)
      : set_(choose(instruction_set)) {
    auto of = [&](const char* name) {
      const auto found = shape.find(name);
      if (found == shape.end() || found->second < 0) throw std::invalid_argument(std::string("shape has no ") + name);
      return found->second;
    };
    FlowTables& t = tables_;
    t = {};
    t.block = of("block"), t.order = of("order"), t.past = of("past"), t.lags = of("lags"), t.layers = of("layers"), t.residual = of("residual");
    t.skip = of("skip"), t.couplings = of("couplings"), t.coupling_channels = of("coupling_channels"), t.bands = of("mel_bands");
    t.channels = of("mel_channels"), t.hop = of("hop");
    if (t.block < 2 || t.block % 2 || t.hop % t.block || t.order < 1 || t.order > 64 || t.layers < 1 || t.layers > 12 || t.lags % 16 || t.residual % 16 || t.channels < t.order)
      throw std::invalid_argument("shape is none of a frame flow");
    const size_t R = t.residual, L = t.layers, S = t.skip, C = t.channels, H = t.coupling_channels, N = t.block;
    auto array = [&](const std::string& name, std::vector<size_t> expected) {
      const auto found = weights.find(name);
      if (found == weights.end()) throw std::invalid_argument("there is no " + name);
      return expect(name.c_str(), found->second, std::move(expected));
    };
    auto dense = [&](const std::string& name, size_t outputs, size_t inputs, bool bias = true) {
      const float* weight = array(name + ".weight", {outputs, inputs});
      return layers_.add(weight, bias ? array(name + ".bias", {outputs}) : nullptr, outputs, inputs);
    };
    const float* gain = array("gain", {static_cast<size_t>(t.bands)});
    gain_.assign(gain, gain + t.bands);
    t.gain = gain_.data();
    // A convolution's inputs lie frame by frame in a window.
    const float* kernel = array("mel_hidden.weight", {C, static_cast<size_t>(t.bands), 5});
    std::vector<float> window(C * 5 * t.bands);
    for (size_t c = 0; c < C; c++)
      for (int b = 0; b < t.bands; b++)
        for (int k = 0; k < 5; k++) window[(c * 5 + k) * t.bands + b] = kernel[(c * t.bands + b) * 5 + k];
    t.mel_hidden = layers_.add(window.data(), array("mel_hidden.bias", {C}), C, 5 * static_cast<size_t>(t.bands));
    t.mel_output = dense("mel_output", C, C), t.reflection = dense("reflection", t.order, C);
    t.entry = dense("entry", R, C), t.frames = dense("frames", L * 2 * R, C);
    if (t.inputs()) t.input = dense("input", R, t.inputs(), false);
    const float *dilated = array("dilated", {L, 2 * R, 2 * R}), *residual = array("residual", {L, R, R});
    const float* residual_bias = array("residual_bias", {L, R});
    for (size_t l = 0; l < L; l++) {
      dilations_.push_back(1 << l);
      dilated_.push_back(layers_.add(dilated + l * 4 * R * R, nullptr, 2 * R, 2 * R));
      residuals_.push_back(layers_.add(residual + l * R * R, residual_bias + l * R, R, R));
    }
    t.dilations = dilations_.data(), t.dilated = dilated_.data(), t.residuals = residuals_.data();
    t.skips = dense("skip", S, L * R), t.hidden = dense("hidden", S, S), t.affine = dense("affine", 2 * N, S);
    std::vector<float> contexts, biases;
    for (int c = 0; c < t.couplings; c++) {
      const std::string name = "couplings.parts." + std::to_string(c), network = name + ".network";
      const float *weight = array(network + ".context.weight", {H, S}), *bias = array(network + ".context.bias", {H});
      const float* limit = array(name + ".limit", {N / 2});
      limits_.insert(limits_.end(), limit, limit + N / 2);
      contexts.insert(contexts.end(), weight, weight + H * S), biases.insert(biases.end(), bias, bias + H);
      kept_.push_back(dense(network + ".kept", H, N / 2, false));
      output_.push_back(dense(network + ".output", N, H));
    }
    if (t.couplings) t.contexts = layers_.add(contexts.data(), biases.data(), biases.size(), S);
    t.kept = kept_.data(), t.output = output_.data(), t.limits = limits_.data();
  }
  FlowSampler(const FlowSampler&) = delete;
  FlowSampler& operator=(const FlowSampler&) = delete;

  size_t state_size() const { return tables_.state_size(); }
  std::string instruction_set() const { return set_.name; }

  // states [B] of [state_size], indices [B] and samples [B, n] are changed in place; windows [B] of [F, 7, bands].
  void advance(WindowStates states, WindowIndices indices, Array<uint64_t> seeds,
               Array<float> temperatures, std::vector<Array<float>> windows,
               nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> samples) const {
    const size_t B = states.size(), n = samples.shape(1);
    std::vector<FlowCall> calls = begun(states, indices, windows, samples.shape(0), n);
    expect("seeds", seeds, {B}), expect("temperatures", temperatures, {B});
    for (size_t s = 0; s < B; s++) {
      FlowCall& call = calls[s];
      call.seed = seeds.data()[s], call.temperature = temperatures.data()[s], call.samples = samples.data() + s * n;
    }
    run(calls, indices, n, false);
  }

  // The nats that the blocks of given samples [B, n] cost, into nats [B, n / block], beginning with a whole block; states and
  // indices move on as in `advance`.
  void follow(WindowStates states, WindowIndices indices, std::vector<Array<float>> windows, Array<float> samples,
              nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> nats) const {
    const size_t B = states.size(), N = tables_.block;
    if (samples.ndim() != 2) throw std::invalid_argument("samples must have two dimensions");
    const size_t n = samples.shape(1);
    std::vector<FlowCall> calls = begun(states, indices, windows, samples.shape(0), n);
    if (n % N) throw std::invalid_argument("samples must be whole blocks of " + std::to_string(N));
    if (nats.shape(0) != B || nats.shape(1) != n / N) throw std::invalid_argument("nats must have a place for each block");
    for (size_t s = 0; s < B; s++) {
      if (calls[s].index % N) throw std::invalid_argument("an index must be that of a block's first sample");
      calls[s].given = samples.data() + s * n, calls[s].nats = nats.data() + s * (n / N);
    }
    run(calls, indices, n, true);
  }

 private:
  // The calls for n samples of the streams, checked, without what only drawing or scoring needs.
  std::vector<FlowCall> begun(const WindowStates& states, const WindowIndices& indices, const std::vector<Array<float>>& windows, size_t rows, size_t n) const {
    return window_calls<FlowCall>(states, indices, windows, rows, n, state_size(), tables_.hop, 7, tables_.bands);
  }

  void run(std::vector<FlowCall>& calls, const WindowIndices& indices, size_t n, bool scoring) const {
    if (n) {
      nb::gil_scoped_release unlocked;
      set_.flow(tables_, calls.data(), static_cast<int>(calls.size()), static_cast<int>(n), scoring);
    }
    for (size_t s = 0; s < calls.size(); s++) indices.data()[s] += n;
  }

  const InstructionSet& set_;
  DenseLayers layers_;
  std::vector<int> dilations_;
  std::vector<float> gain_, limits_;
  std::vector<DenseLayer> dilated_, residuals_, kept_, output_;
  FlowTables tables_;
};

}  // namespace

void add_flow(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<FlowSampler>(m, "FlowSampler")
      .def(nb::init<const std::map<std::string, int>&, const std::map<std::string, Array<float>>&, const std::string&>(),
           "shape"_a, "weights"_a, "instruction_set"_a = "")
      .def("advance", &FlowSampler::advance, "states"_a, "indices"_a, "seeds"_a, "temperatures"_a, "windows"_a, "samples"_a)
      .def("follow", &FlowSampler::follow, "states"_a, "indices"_a, "windows"_a, "samples"_a, "nats"_a)
      .def_prop_ro("state_size", &FlowSampler::state_size, "Numbers that a stream's state has.")
      .def_prop_ro("instruction_set", &FlowSampler::instruction_set);
}

}  // namespace wavesynth
