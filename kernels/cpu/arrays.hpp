// Arrays from Python and their shapes.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace wavesynth {

namespace nb = nanobind;

template <class T>
using Array = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;

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

// The Python classes of convnext.cpp, flow.cpp, harmonic.cpp, plane.cpp, projector.cpp and stages.cpp.
void add_convnext(nb::module_& m);
void add_flow(nb::module_& m);
void add_harmonic(nb::module_& m);
void add_plane(nb::module_& m);
void add_projector(nb::module_& m);
void add_stages(nb::module_& m);

}  // namespace wavesynth
