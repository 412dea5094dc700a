// The Fourier transform of N real numbers in double precision, N a power of two from 16 on. Two neighbours are taken as one
// complex number; the transform z of these M = N / 2 gives that of the N (Press et al., "Numerical Recipes", 12.3):
//
//     X[k] = E[k] + exp(-2 pi i k / N) O[k]    E[k] = (z[k] + conj z[M - k]) / 2    O[k] = (z[k] - conj z[M - k]) / 2i
//
// z is made as in fft.hpp, of rows and columns: M = rows * columns. Included once for each instruction set.
#pragma once
#include <utility>

namespace wavesynth::WAVESYNTH_ISA {

struct ComplexRows { double *re, *im; };

// One butterfly of two rows: (a, b) becomes (a + b, (a - b) w), or if `RootFirst` (a + w b, a - w b).
template <bool RootFirst>
inline void row_butterfly(double* __restrict ar, double* __restrict ai, double* __restrict br, double* __restrict bi, int length,
                          double wr, double wi) {
  for (int c = 0; c < length; c++) {
    const double xr = ar[c], xi = ai[c], yr = br[c], yi = bi[c];
    if (RootFirst) {
      const double tr = yr * wr - yi * wi, ti = yr * wi + yi * wr;
      ar[c] = xr + tr, ai[c] = xi + ti, br[c] = xr - tr, bi[c] = xi - ti;
    } else {
      const double dr = xr - yr, di = xi - yi;
      ar[c] = xr + yr, ai[c] = xi + yi, br[c] = dr * wr - di * wi, bi[c] = dr * wi + di * wr;
    }
  }
}

// The transform of each of `length` columns: rows in order become rows in reversed order, or if `RootFirst` the other way
// round. roots: of unity, `points` of them.
template <bool RootFirst>
inline void row_transform(ComplexRows z, int rows, int length, ComplexRows roots, int points) {
  for (int step = 1; step < rows; step *= 2) {
    const int span = RootFirst ? step : rows / 2 / step;
    for (int row = 0; row < rows; row++) {
      if (row & span) continue;
      const int w = (row & (span - 1)) * (points / 2 / span), a = length * row, b = length * (row + span);
      row_butterfly<RootFirst>(z.re + a, z.im + a, z.re + b, z.im + b, length, roots.re[w], roots.im[w]);
    }
  }
}

// The bits of 0, 1, ... count - 1 backwards.
inline void reverse_bits(int count, int* reversed) {
  reversed[0] = 0;
  for (int i = 1; i < count; i++) reversed[i] = reversed[i / 2] / 2 + (i & 1) * (count / 2);
}

// |X[k]|² for k from 0 to N / 2, of what stands in z, [N / 2]; z and work, [N / 2 + 1] each, are lost. roots: [N].
inline void power_spectrum(ComplexRows z, ComplexRows work, ComplexRows roots, int points, double* __restrict power) {
  const int M = points / 2;
  int rows = 2, columns = M / 2;
  while (rows < columns) rows *= 2, columns /= 2;
  int row_at[256], column_at[256];
  reverse_bits(rows, row_at), reverse_bits(columns, column_at);
  row_transform<false>(z, rows, columns, roots, points);
  for (int j = 0; j < columns; j++) {
    double *to_re = work.re + rows * column_at[j], *to_im = work.im + rows * column_at[j];
    for (int p = 0; p < rows; p++) {
      const int from = columns * row_at[p] + j, w = 2 * j * p;
      const double xr = z.re[from], xi = z.im[from], wr = roots.re[w], wi = roots.im[w];
      to_re[p] = xr * wr - xi * wi, to_im[p] = xr * wi + xi * wr;
    }
  }
  row_transform<true>(work, columns, rows, roots, points);
  const double *re = work.re, *im = work.im;
  work.re[M] = re[0], work.im[M] = im[0];
  for (int k = 0; k <= M; k++) {
    const double er = re[k] + re[M - k], ei = im[k] - im[M - k], pr = im[k] + im[M - k], pi = re[M - k] - re[k];
    const double xr = er + (pr * roots.re[k] - pi * roots.im[k]), xi = ei + (pr * roots.im[k] + pi * roots.re[k]);
    power[k] = 0.25 * (xr * xr + xi * xi);
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
