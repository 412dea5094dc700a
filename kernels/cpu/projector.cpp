// The Python class SpectralProjector.
#include <nanobind/stl/string.h>

#include "spectral_projector.hpp"

namespace wavesynth {

void add_projector(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<SpectralProjector>(m, "SpectralProjector")
      .def(nb::init<int, int, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, float, float, float, float, const std::string&>(),
           "hop"_a, "iterations"_a, "analysis"_a, "bank"_a, "scaling"_a, "synthesis"_a, "spread"_a, "floor"_a, "cut"_a,
           "boost"_a, "power"_a, "instruction_set"_a = "")
      .def("project", &SpectralProjector::project, "samples"_a, "target_mel"_a, "active"_a);
}

}  // namespace wavesynth
