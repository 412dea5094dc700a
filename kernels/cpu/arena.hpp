// The memory of a sampler.
#pragma once
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace wavesynth {

// One block of memory for everything a sampler reads, on huge pages where the system has them.
class Arena {
 public:
  explicit Arena(size_t bytes) {
    constexpr size_t kPage = size_t{2} << 20;
    bytes = (bytes + kPage - 1) / kPage * kPage;
    memory_ = static_cast<char*>(std::aligned_alloc(kPage, bytes));
    if (!memory_) throw std::bad_alloc();
#ifdef __linux__
    madvise(memory_, bytes, MADV_HUGEPAGE);
#endif
    end_ = memory_ + bytes;
    next_ = memory_;
  }
  ~Arena() { std::free(memory_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  template <class T>
  T* take(size_t count) {
    T* result = reinterpret_cast<T*>(next_);
    next_ += (count * sizeof(T) + 63) / 64 * 64;
    if (next_ > end_) throw std::logic_error("the arena is too small");
    return result;
  }
  template <class T>
  const T* copy(const T* from, size_t count) {
    T* to = take<T>(count);
    std::memcpy(to, from, count * sizeof(T));
    return to;
  }

 private:
  char *memory_, *next_, *end_;
};

}  // namespace wavesynth
