// The Python classes of the stages around the sampler: each computes a batch without the interpreter's lock.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include "new_array.hpp"
#include "stage_tables.hpp"

namespace wavesynth {

using Made = MadeArray;

// Pointers to `count` rows of `stride`.
template <class T>
std::vector<T*> rows(T* first, size_t count, size_t stride) {
  std::vector<T*> found(count);
  for (size_t i = 0; i < count; i++) found[i] = first + i * stride;
  return found;
}

// windows [f, window] -> features [f, bands].
Made features(const LogMel& self, Array<double> windows) {
  const LogMelTables& t = self.tables();
  if (windows.ndim() != 2) throw std::invalid_argument("windows must be a matrix");
  const size_t count = windows.shape(0);
  expect("windows", windows, {count, static_cast<size_t>(t.window)});
  NewArray made({count, static_cast<size_t>(t.bands)});
  {
    nb::gil_scoped_release unlocked;
    self.set.log_mel(t, rows(windows.data(), count, t.window).data(), rows(made.data.get(), count, t.bands).data(), static_cast<int>(count));
  }
  return made.give();
}

// windows [f, 7, bands], speakers [f] -> frames [f, width]; speakers are rows of the table, or -1.
Made condition(const Conditioner& self, Array<float> windows, Array<int32_t> speakers) {
  const ConditionerTables& t = self.tables();
  if (windows.ndim() != 3) throw std::invalid_argument("windows must have three dimensions");
  const size_t count = windows.shape(0), bands = t.bands, channels = t.channels;
  expect("windows", windows, {count, 7, bands}), expect("speakers", speakers, {count});
  for (size_t i = 0; i < count; i++)
    if (speakers.data()[i] < -1 || speakers.data()[i] >= static_cast<int64_t>(self.speaker_count))
      throw std::invalid_argument("a speaker is " + std::to_string(speakers.data()[i]) + "; it must be from -1 to " + std::to_string(static_cast<int64_t>(self.speaker_count) - 1));
  NewArray made({count, static_cast<size_t>(t.width)});
  {
    nb::gil_scoped_release unlocked;
    std::vector<float> hidden(count * 3 * channels);
    std::vector<const float*> around;
    for (size_t i = 0; i < 3 * count; i++) around.push_back(windows.data() + (i / 3 * 7 + i % 3) * bands);
    self.set.condition_hidden(t, around.data(), rows(hidden.data(), 3 * count, channels).data(), static_cast<int>(3 * count));
    const std::vector<const float*> inputs = rows<const float>(hidden.data(), count, 3 * channels);
    self.set.condition_frame(t, inputs.data(), speakers.data(), rows(made.data.get(), count, t.width).data(), static_cast<int>(count));
  }
  return made.give();
}

// windows [f, window, bands] of successive frames, memory [layers, channels] -> frames [f, bands] and the memory after them.
std::pair<Made, Made> convert(const Converter& self, Array<float> windows, Array<float> memory) {
  const ConverterTables& t = self.tables();
  if (windows.ndim() != 3) throw std::invalid_argument("windows must have three dimensions");
  const size_t count = windows.shape(0), window = t.window, bands = t.bands, layers = t.layers, channels = t.channels;
  expect("windows", windows, {count, window, bands}), expect("memory", memory, {layers, channels});
  NewArray made({count, bands}), after({layers, channels});
  std::copy(memory.data(), memory.data() + layers * channels, after.data.get());
  {
    nb::gil_scoped_release unlocked;
    for (size_t i = 0; i < count; i++) {
      const float* from = windows.data() + i * window * bands;
      float *to = made.data.get() + i * bands, *moved = after.data.get();
      self.set.convert(t, &from, &moved, &to, 1);
    }
  }
  return {made.give(), after.give()};
}

// samples [n] -> [up * periods]; n is at least (periods - 1) * down + taps.
Made periods(const Resampler& self, Array<float> samples, int periods) {
  const ResamplerTables& t = self.tables();
  const int64_t needed = periods > 0 ? static_cast<int64_t>(periods - 1) * t.down + t.taps : 0;
  if (samples.ndim() != 1 || periods < 0 || static_cast<int64_t>(samples.shape(0)) < needed)
    throw std::invalid_argument("samples must be a vector of at least " + std::to_string(needed) + " for " + std::to_string(periods) + " periods");
  NewArray made({static_cast<size_t>(periods) * t.up});
  {
    nb::gil_scoped_release unlocked;
    self.set.resample(t, samples.data(), periods, made.data.get());
  }
  return made.give();
}

void add_stages(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<LogMel>(m, "LogMel")
      .def(nb::init<Array<double>, Array<double>, double, const std::string&>(), "taper"_a, "bank"_a, "floor"_a, "instruction_set"_a = "")
      .def("features", &features, "windows"_a);
  nb::class_<Conditioner>(m, "Conditioner")
      .def(nb::init<Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, const std::string&>(),
           "hidden"_a, "hidden_bias"_a, "smooth"_a, "smooth_bias"_a, "output"_a, "output_bias"_a, "speakers"_a, "instruction_set"_a = "")
      .def("frames", &condition, "windows"_a, "speakers"_a);
  nb::class_<Converter>(m, "Converter")
      .def(nb::init<Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, Array<float>, float, const std::string&>(),
           "hear"_a, "hear_bias"_a, "input"_a, "input_bias"_a, "recurrent"_a, "recurrent_bias"_a, "say"_a, "say_bias"_a, "silence"_a,
           "instruction_set"_a = "")
      .def("frames", &convert, "windows"_a, "memory"_a);
  nb::class_<Resampler>(m, "Resampler")
      .def(nb::init<int, Array<float>, const std::string&>(), "down"_a, "filter"_a, "instruction_set"_a = "")
      .def("periods", &periods, "samples"_a, "periods"_a);
}

}  // namespace wavesynth
