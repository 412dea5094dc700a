// The instructions that this processor has.
#pragma once

namespace wavesynth {

#if defined(__x86_64__)
inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}
inline bool has_avx2() { return __builtin_cpu_supports("avx2"); }
#else
inline bool has_avx512() { return false; }
inline bool has_avx2() { return false; }
#endif

}  // namespace wavesynth
