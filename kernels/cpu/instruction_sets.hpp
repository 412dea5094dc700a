// What is compiled once for each instruction set, and which of it runs here; arrays from Python and their shapes.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "network.hpp"
#include "projection_tables.hpp"
#include "stages.hpp"

namespace wavesynth {

namespace nb = nanobind;

template <class T>
using Array = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;

struct InstructionSet {
  const char* name;
  bool (*runs_here)();
  int (*batch)();
  int (*activation_offset)();
  void (*advance)(const Int8Network&, StreamCall*, int, int);
  void (*lead)(const Int8Network&, StreamCall&, Meeting&, int);
  void (*help)(const Int8Network&, Meeting&, int);
  // The stages of stages.hpp.
  void (*log_mel)(const LogMelTables&, const double* const*, float* const*, int);
  void (*condition_hidden)(const ConditionerTables&, const float* const*, float* const*, int);
  void (*condition_frame)(const ConditionerTables&, const float* const*, const int*, float* const*, int);
  void (*convert)(const ConverterTables&, const float* const*, float* const*, float* const*, int);
  void (*resample)(const ResamplerTables&, const float*, int, float*);
  void (*project_all)(const ProjectionTables&, float* const*, const float* const*, const float* const*, int, int);
};

#define WAVESYNTH_FUNCTIONS(isa)                                                                      \
  isa::batch, isa::activation_offset, isa::advance, isa::lead, isa::help, isa::log_mel,               \
      isa::condition_hidden, isa::condition_frame, isa::convert, isa::resample, isa::project_all

inline const InstructionSet kInstructionSets[] = {
#ifdef WAVESYNTH_X86
    {"avx512", [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vnni");
     }, WAVESYNTH_FUNCTIONS(avx512)},
    {"avx2", [] { return static_cast<bool>(__builtin_cpu_supports("avx2")); }, WAVESYNTH_FUNCTIONS(avx2)},
#endif
    {"portable", [] { return true; }, WAVESYNTH_FUNCTIONS(portable)},
};
#undef WAVESYNTH_FUNCTIONS

inline std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto& set : kInstructionSets)
    if (set.runs_here()) names.push_back(set.name);
  return names;
}

inline const InstructionSet& choose(const std::string& name) {
  std::string known;
  for (const auto& set : kInstructionSets) {
    if (!set.runs_here()) continue;
    if (name.empty() || name == set.name) return set;
    known += (known.empty() ? "" : ", ") + std::string(set.name);
  }
  throw std::invalid_argument("instruction set is '" + name + "'; this processor has " + known);
}

template <class T>
const T* expect(const char* name, const Array<T>& array, std::vector<size_t> shape) {
  bool same = array.ndim() == shape.size();
  for (size_t i = 0; same && i < shape.size(); i++) same = array.shape(i) == shape[i];
  if (same) return array.data();
  auto text = [](size_t n, auto at) {
    std::string s = "[";
    for (size_t i = 0; i < n; i++) s += (i ? ", " : "") + std::to_string(at(i));
    return s + "]";
  };
  throw std::invalid_argument(std::string(name) + " has shape " + text(array.ndim(), [&](size_t i) { return array.shape(i); }) +
                              "; it must be " + text(shape.size(), [&](size_t i) { return shape[i]; }));
}

// The Python classes of projector.cpp, of stages.cpp and of plane.cpp.
void add_plane(nb::module_& m);
void add_projector(nb::module_& m);
void add_stages(nb::module_& m);

}  // namespace wavesynth
