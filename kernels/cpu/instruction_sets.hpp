// What is compiled once for each instruction set, and which of it runs here.
#pragma once
#include <string>
#include <vector>

#include "flow_tables.hpp"
#include "harmonic_tables.hpp"
#include "network.hpp"
#include "projection_tables.hpp"
#include "stages.hpp"

namespace wavesynth {

struct InstructionSet {
  const char* name;
  bool (*runs_here)();
  // Null, all of them, if this set was not compiled.
  int (*batch)();
  int (*activation_offset)();
  void (*advance)(const Int8Network&, StreamCall*, int, int);
  void (*follow)(const Int8Network&, StreamCall*, int, int);
  void (*lead)(const Int8Network&, StreamCall&, Meeting&, int);
  void (*help)(const Int8Network&, Meeting&, int);
  // The stages of stages.hpp.
  void (*log_mel)(const LogMelTables&, const double* const*, float* const*, int);
  void (*condition_hidden)(const ConditionerTables&, const float* const*, float* const*, int);
  void (*condition_frame)(const ConditionerTables&, const float* const*, const int*, float* const*, int);
  void (*convert)(const ConverterTables&, const float* const*, float* const*, float* const*, int);
  void (*resample)(const ResamplerTables&, const float*, int, float*);
  void (*project_all)(const ProjectionTables&, float* const*, const float* const*, const float* const*, int, int);
  void (*flow)(const FlowTables&, FlowCall*, int, int, bool);
  void (*harmonic)(const HarmonicTables&, HarmonicCall*, int, int);
};

// The names of those that were compiled and that this processor has, fastest first.
std::vector<std::string> instruction_sets();

// The set of this name, or the fastest for an empty one; std::invalid_argument if it was not compiled or does not run here.
const InstructionSet& choose(const std::string& name);

}  // namespace wavesynth
