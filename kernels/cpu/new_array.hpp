// An array that is given to Python.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "arrays.hpp"

namespace wavesynth {

using MadeArray = nb::ndarray<nb::numpy, float>;

// A new NumPy array.
struct NewArray {
  explicit NewArray(std::vector<size_t> shape) : shape(std::move(shape)) {
    size_t count = 1;
    for (size_t n : this->shape) count *= n;
    data.reset(new float[count]);
  }
  MadeArray give() {
    float* memory = data.release();
    return MadeArray(memory, shape.size(), shape.data(), nb::capsule(memory, [](void* p) noexcept { delete[] static_cast<float*>(p); }));
  }
  std::vector<size_t> shape;
  std::unique_ptr<float[]> data;
};

}  // namespace wavesynth
