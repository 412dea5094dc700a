// What is compiled once for each instruction set, and which of it runs here; arrays from Python and their shapes.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "network.hpp"
#include "projection_tables.hpp"

namespace wavesynth {

namespace nb = nanobind;

template <class T>
using Array = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;

struct InstructionSet {
  const char* name;
  bool (*runs_here)();
  void (*advance)(const Int8Network&, StreamCall*, int, int);
  void (*lead)(const Int8Network&, StreamCall&, Meeting&, int);
  void (*help)(const Int8Network&, Meeting&, int);
  void (*project)(const ProjectionTables&, float*, const float*, const float*, int);
};

inline const InstructionSet kInstructionSets[] = {
#ifdef WAVESYNTH_X86
    {"avx512", [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vnni");
     }, avx512::advance, avx512::lead, avx512::help, avx512::project},
    {"avx2", [] { return static_cast<bool>(__builtin_cpu_supports("avx2")); },
     avx2::advance, avx2::lead, avx2::help, avx2::project},
#endif
    {"portable", [] { return true; }, portable::advance, portable::lead, portable::help, portable::project},
};

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

// The Python class of projector.cpp.
void add_projector(nb::module_& m);

}  // namespace wavesynth
