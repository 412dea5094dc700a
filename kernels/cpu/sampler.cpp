// The Python module, and its class Int8Sampler.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "int8_sampler.hpp"

NB_MODULE(_kernels, m) {
  using namespace nb::literals;
  using wavesynth::Int8Sampler;
  nb::set_leak_warnings(false);  // a sampler may well live until the interpreter ends
  m.doc() = "The int8 WaveNet sampler and the stages around it; wavesynth.sampling.backends.cpu and wavesynth.audio are their Python sides.";
  m.def("instruction_sets", &wavesynth::instruction_sets, "The instruction sets this processor can run, fastest first.");
  nb::class_<Int8Sampler>(m, "Int8Sampler")
      .def(nb::init<std::vector<int>, int, wavesynth::Array<float>, wavesynth::Array<float>, wavesynth::Array<int8_t>,
                    wavesynth::Array<float>, wavesynth::Array<float>, wavesynth::Array<int8_t>, wavesynth::Array<float>,
                    wavesynth::Array<float>, wavesynth::Array<int8_t>, wavesynth::Array<float>, wavesynth::Array<float>,
                    wavesynth::Array<float>, wavesynth::Array<int8_t>, wavesynth::Array<float>, wavesynth::Array<float>,
                    wavesynth::Array<float>, wavesynth::Array<int16_t>, wavesynth::Array<float>, wavesynth::Array<float>,
                    int, bool, const std::string&>(),
           "dilations"_a, "hop"_a, "embedding"_a, "input_inverse_scale"_a, "dilated"_a, "dilated_scale"_a, "gate_inverse_scale"_a,
           "residual"_a, "residual_scale"_a, "residual_bias"_a, "skip"_a, "skip_scale"_a, "skip_bias"_a, "skip_inverse_scale"_a,
           "hidden"_a, "hidden_scale"_a, "hidden_bias"_a, "hidden_inverse_scale"_a, "output"_a, "output_scale"_a, "output_bias"_a,
           "activation_bits"_a = 8, "reversible"_a = false, "instruction_set"_a = "")
      .def("advance", &Int8Sampler::advance, "queues"_a, "indices"_a, "last"_a, "seeds"_a, "inverse_temperatures"_a,
           "conditioning"_a, "tokens"_a, "two_cores"_a = false)
      .def("follow", &Int8Sampler::follow, "queues"_a, "indices"_a, "last"_a, "inverse_temperatures"_a, "conditioning"_a,
           "tokens"_a, "bits"_a)
      .def_prop_ro("batch", &Int8Sampler::batch, "How many streams one reading of the weights serves.")
      .def_prop_ro("instruction_set", &Int8Sampler::instruction_set);
  wavesynth::add_projector(m);
  wavesynth::add_stages(m);
  wavesynth::add_plane(m);
  wavesynth::add_convnext(m);
  wavesynth::add_flow(m);
  wavesynth::add_harmonic(m);
}
