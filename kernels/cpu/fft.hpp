// The Fourier transform of 1,024 complex numbers, as 32 times 32: with n = 32 i + j and k = p + 32 q,
//
//     X[k] = sum over j of W32^(j q) · W1024^(j p) · (sum over i of W32^(i p) · x[n])
//
// Both sums are made for 32 columns at a time, which lie beside one another, so that plain loops over them fill any
// vector register. Every operation is rounded on its own and in one order: the bits are the same in all instruction
// sets. Included once for each of them.
#pragma once
#include <cmath>

namespace wavesynth::WAVESYNTH_ISA {

constexpr int kSide = 32, kPoints = kSide * kSide;

struct Spectrum {
  alignas(64) float re[kPoints + 16], im[kPoints + 16];  // and the first once more, behind the last
};

struct Roots {
  float re[kSide], im[kSide];                                    // W32^j
  alignas(64) float twiddle_re[kPoints], twiddle_im[kPoints];    // W1024^(j p), at 32 j + p
  int reversed[kSide];                                           // the five bits of an index, backwards
};

inline const Roots& roots() {
  static const Roots made = [] {
    Roots r{};
    const double turn = -2 * std::acos(-1.0);
    for (int j = 0; j < kSide; j++) {
      r.re[j] = static_cast<float>(std::cos(turn * j / kSide)), r.im[j] = static_cast<float>(std::sin(turn * j / kSide));
      for (int p = 0; p < kSide; p++) {
        r.twiddle_re[kSide * j + p] = static_cast<float>(std::cos(turn * j * p / kPoints));
        r.twiddle_im[kSide * j + p] = static_cast<float>(std::sin(turn * j * p / kPoints));
      }
      for (int bit = 0; bit < 5; bit++) r.reversed[j] |= (j >> bit & 1) << (4 - bit);
    }
    return r;
  }();
  return made;
}

// One butterfly of two rows: (a, b) becomes (a + b, (a - b) w), or if `RootFirst` (a + w b, a - w b).
template <bool RootFirst>
inline void butterfly(float* __restrict ar, float* __restrict ai, float* __restrict br, float* __restrict bi, float wr, float wi) {
  for (int c = 0; c < kSide; c++) {
    const float xr = ar[c], xi = ai[c], yr = br[c], yi = bi[c];
    if (RootFirst) {
      const float tr = yr * wr - yi * wi, ti = yr * wi + yi * wr;
      ar[c] = xr + tr, ai[c] = xi + ti, br[c] = xr - tr, bi[c] = xi - ti;
    } else {
      const float dr = xr - yr, di = xi - yi;
      ar[c] = xr + yr, ai[c] = xi + yi, br[c] = dr * wr - di * wi, bi[c] = dr * wi + di * wr;
    }
  }
}

// The transform of each column: rows in order become rows in reversed order, or if `RootFirst` the other way round.
template <bool RootFirst>
inline void columns(float* re, float* im, const Roots& root) {
  for (int stage = 0; stage < 5; stage++) {
    const int span = RootFirst ? 1 << stage : kSide / 2 >> stage;
    for (int row = 0; row < kSide; row++) {
      if (row & span) continue;
      const int w = (row & (span - 1)) * (kSide / 2 / span);
      float *ar = re + kSide * row, *ai = im + kSide * row;
      butterfly<RootFirst>(ar, ai, ar + kSide * span, ai + kSide * span, root.re[w], root.im[w]);
    }
  }
}

// x becomes its transform; with the two parts given the other way round, 1,024 times the inverse one.
inline void transform(float* re, float* im, Spectrum& work) {
  const Roots& root = roots();
  columns<false>(re, im, root);
  for (int j = 0; j < kSide; j++) {
    float *to_re = work.re + kSide * root.reversed[j], *to_im = work.im + kSide * root.reversed[j];
    const float *wr = root.twiddle_re + kSide * j, *wi = root.twiddle_im + kSide * j;
    for (int p = 0; p < kSide; p++) {
      const float xr = re[kSide * root.reversed[p] + j], xi = im[kSide * root.reversed[p] + j];
      to_re[p] = xr * wr[p] - xi * wi[p], to_im[p] = xr * wi[p] + xi * wr[p];
    }
  }
  columns<true>(work.re, work.im, root);
  for (int k = 0; k < kPoints; k++) re[k] = work.re[k], im[k] = work.im[k];
  re[kPoints] = re[0], im[kPoints] = im[0];
}

}  // namespace wavesynth::WAVESYNTH_ISA
