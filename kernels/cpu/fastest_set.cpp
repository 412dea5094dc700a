// Prints the fastest instruction set of this processor, for CMakeLists.txt.
#include <cstdio>

#include "processor.hpp"

int main() { std::puts(wavesynth::has_avx512() ? "avx512" : wavesynth::has_avx2() ? "avx2" : "portable"); }
