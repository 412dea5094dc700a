// The iterations of the spectral correction for many streams. Included once for each instruction set, after project.hpp.
#pragma once
#include "project.hpp"
#include "stages.hpp"

namespace wavesynth::WAVESYNTH_ISA {

void project_all(const ProjectionTables& s, float* const* samples, const float* const* target_mel, const float* const* active,
                 int frames, int count) {
  for (int i = 0; i < count; i++) project(s, samples[i], target_mel[i], active[i], frames);
}

}  // namespace wavesynth::WAVESYNTH_ISA
