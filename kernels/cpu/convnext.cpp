// The Python classes of a stack of ConvNeXt blocks: its weights, and a stream of steps through it.
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "convnext_tables.hpp"
#include "new_array.hpp"
#include "stage_tables.hpp"

namespace wavesynth {
namespace {

// What is compiled once for each instruction set. CMakeLists.txt defines WAVESYNTH_AVX512 and WAVESYNTH_AVX2.
struct ConvNextFunctions {
  const char* set;
  void (*input)(const ConvNextTables&, const float*, float*, int);
  void (*block)(const ConvNextTables&, const ConvNextBlock&, const float*, float*, int);
  void (*output)(const ConvNextTables&, const float*, float*, int);
};

const ConvNextFunctions kConvNext[] = {
#ifdef WAVESYNTH_AVX512
    {"avx512", avx512::convnext_input, avx512::convnext_block, avx512::convnext_output},
#endif
#ifdef WAVESYNTH_AVX2
    {"avx2", avx2::convnext_input, avx2::convnext_block, avx2::convnext_output},
#endif
    {"portable", portable::convnext_input, portable::convnext_block, portable::convnext_output},
};

// Those of the set that `choose` gives for this name.
const ConvNextFunctions& convnext_functions(const std::string& name) {
  const std::string chosen = choose(name).name;
  for (const ConvNextFunctions& functions : kConvNext)
    if (chosen == functions.set) return functions;
  throw std::invalid_argument("instruction set is '" + chosen + "', for which no ConvNeXt was compiled");
}

class ConvNext {
 public:
  // weights by their names in Stack's state_dict.
  ConvNext(const std::map<std::string, Array<float>>& weights, int layers, const std::string& instruction_set)
      : functions(convnext_functions(instruction_set)) {
    auto array = [&](const std::string& name, std::vector<size_t> shape) {
      const auto found = weights.find(name);
      if (found == weights.end()) throw std::invalid_argument("weights lacks " + name);
      return expect(name.c_str(), found->second, std::move(shape));
    };
    auto shape = [&](const std::string& name, size_t dimensions) {
      const auto found = weights.find(name);
      if (found == weights.end() || found->second.ndim() != dimensions) throw std::invalid_argument("weights lacks " + name);
      return found->second;
    };
    const auto input = shape("input.weight", 2), output = shape("output.weight", 2);
    const size_t C = input.shape(0), inputs = input.shape(1), outputs = output.shape(0);
    if (layers < 1 || C % 16 || !C) throw std::invalid_argument("channels is " + std::to_string(C) + "; it must be a multiple of 16");
    const size_t inner = shape("blocks.0.up.weight", 2).shape(0), kernel = shape("blocks.0.depthwise.weight", 3).shape(2);
    if (kernel % 2 != 1) throw std::invalid_argument("kernel is " + std::to_string(kernel) + "; it must be odd");
    auto dense = [&](const std::string& name, size_t rows, size_t columns) {
      return layers_.add(array(name + ".weight", {rows, columns}), array(name + ".bias", {rows}), rows, columns);
    };
    auto kept = [&](const float* values, size_t count) { return memory_.emplace_back(values, values + count).data(); };
    for (int l = 0; l < layers; l++) {
      const std::string name = "blocks." + std::to_string(l);
      const float* taps = array(name + ".depthwise.weight", {C, 1, kernel});
      std::vector<float>& turned = memory_.emplace_back(kernel * C);
      for (size_t tap = 0; tap < kernel; tap++)
        for (size_t c = 0; c < C; c++) turned[tap * C + c] = taps[c * kernel + tap];
      tables.blocks.push_back({turned.data(), kept(array(name + ".depthwise.bias", {C}), C), kept(array(name + ".norm.weight", {C}), C),
                               kept(array(name + ".norm.bias", {C}), C), dense(name + ".up", inner, C), dense(name + ".down", C, inner)});
    }
    tables.inputs = static_cast<int>(inputs), tables.outputs = static_cast<int>(outputs), tables.channels = static_cast<int>(C);
    tables.inner = static_cast<int>(inner), tables.kernel = static_cast<int>(kernel), tables.input = dense("input", C, inputs);
    tables.scale = kept(array("norm.weight", {C}), C), tables.shift = kept(array("norm.bias", {C}), C), tables.output = dense("output", outputs, C);
  }
  ConvNext(const ConvNext&) = delete;
  ConvNext& operator=(const ConvNext&) = delete;

  const ConvNextFunctions& functions;
  ConvNextTables tables;

 private:
  DenseLayers layers_;
  std::deque<std::vector<float>> memory_;  // whose addresses stay
};

// Steps that are given in pieces. Each block keeps the steps that it still needs; before the first and behind the last
// step it sees zeros. What comes out does not depend on the pieces.
class ConvNextStream {
 public:
  explicit ConvNextStream(const ConvNext& network) : network_(&network) {
    const ConvNextTables& t = network_->tables;
    waiting_.resize(t.blocks.size(), std::vector<float>(static_cast<size_t>(t.kernel / 2) * t.channels));
  }

  // steps [m, inputs] -> [n, outputs].
  MadeArray push(Array<float> steps) {
    const ConvNextTables& t = network_->tables;
    if (finished_) throw std::invalid_argument("the stream is finished; no more steps may be pushed");
    if (steps.ndim() != 2) throw std::invalid_argument("steps must be a matrix");
    const size_t count = steps.shape(0);
    expect("steps", steps, {count, static_cast<size_t>(t.inputs)});
    std::vector<float> made;
    {
      nb::gil_scoped_release unlocked;
      std::vector<float> rows(count * t.channels);
      network_->functions.input(t, steps.data(), rows.data(), static_cast<int>(count));
      for (size_t l = 0; l < waiting_.size(); l++) rows = through(l, rows);
      made = said(rows);
    }
    return give(made);
  }

  MadeArray finish() {
    const ConvNextTables& t = network_->tables;
    std::vector<float> made;
    if (!finished_) {
      nb::gil_scoped_release unlocked;
      const std::vector<float> silence(static_cast<size_t>(t.kernel / 2) * t.channels);
      std::vector<float> rows;
      for (size_t l = 0; l < waiting_.size(); l++) {
        rows.insert(rows.end(), silence.begin(), silence.end());
        rows = through(l, rows);
      }
      made = said(rows);
    }
    finished_ = true;
    return give(made);
  }

 private:
  std::vector<float> through(size_t layer, const std::vector<float>& rows) {
    const ConvNextTables& t = network_->tables;
    std::vector<float>& waiting = waiting_[layer];
    waiting.insert(waiting.end(), rows.begin(), rows.end());
    const size_t C = t.channels, have = waiting.size() / C, around = t.kernel - 1;
    if (have <= around) return {};
    const size_t count = have - around;
    std::vector<float> made(count * C);
    network_->functions.block(t, t.blocks[layer], waiting.data(), made.data(), static_cast<int>(count));
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count * C));
    return made;
  }

  std::vector<float> said(const std::vector<float>& rows) const {
    const ConvNextTables& t = network_->tables;
    const size_t count = rows.size() / t.channels;
    std::vector<float> made(count * t.outputs);
    network_->functions.output(t, rows.data(), made.data(), static_cast<int>(count));
    return made;
  }

  MadeArray give(const std::vector<float>& made) const {
    const size_t outputs = network_->tables.outputs;
    NewArray array({made.size() / outputs, outputs});
    std::copy(made.begin(), made.end(), array.data.get());
    return array.give();
  }

  const ConvNext* network_;  // Python keeps it
  std::vector<std::vector<float>> waiting_;
  bool finished_ = false;
};

}  // namespace

void add_convnext(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<ConvNext>(m, "ConvNext")
      .def(nb::init<const std::map<std::string, Array<float>>&, int, const std::string&>(), "weights"_a, "layers"_a, "instruction_set"_a = "")
      .def("stream", [](const ConvNext& self) { return ConvNextStream(self); }, nb::keep_alive<0, 1>());
  nb::class_<ConvNextStream>(m, "ConvNextStream").def("push", &ConvNextStream::push, "steps"_a).def("finish", &ConvNextStream::finish);
}

}  // namespace wavesynth
