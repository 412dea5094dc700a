// The instruction sets. CMakeLists.txt defines WAVESYNTH_AVX512 and WAVESYNTH_AVX2 for those that it compiles.
#include "instruction_sets.hpp"

#include <stdexcept>

#include "processor.hpp"

namespace wavesynth {

#define WAVESYNTH_FUNCTIONS(isa)                                                                      \
  isa::batch, isa::activation_offset, isa::advance, isa::follow, isa::lead, isa::help, isa::log_mel,  \
      isa::condition_hidden, isa::condition_frame, isa::convert, isa::resample, isa::project_all, isa::flow, \
      isa::harmonic

static const InstructionSet kInstructionSets[] = {
#ifdef WAVESYNTH_AVX512
    {"avx512", has_avx512, WAVESYNTH_FUNCTIONS(avx512)},
#else
    {"avx512", has_avx512},
#endif
#ifdef WAVESYNTH_AVX2
    {"avx2", has_avx2, WAVESYNTH_FUNCTIONS(avx2)},
#else
    {"avx2", has_avx2},
#endif
    {"portable", [] { return true; }, WAVESYNTH_FUNCTIONS(portable)},
};
#undef WAVESYNTH_FUNCTIONS

static bool compiled(const InstructionSet& set) { return set.advance != nullptr; }

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto& set : kInstructionSets)
    if (compiled(set) && set.runs_here()) names.push_back(set.name);
  return names;
}

const InstructionSet& choose(const std::string& name) {
  std::string known, why = "this processor does not have";
  for (const auto& set : kInstructionSets) {
    if (!set.runs_here()) continue;
    if (compiled(set)) {
      if (name.empty() || name == set.name) return set;
      known += (known.empty() ? "" : ", ") + std::string(set.name);
    } else if (name == set.name) {
      why = "was not compiled (`pip install .` compiles all)";
    }
  }
  throw std::invalid_argument("instruction set is '" + name + "', which " + why + "; it must be one of " + known);
}

}  // namespace wavesynth
