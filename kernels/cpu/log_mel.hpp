// Log-mel of windows of samples (wavesynth/audio/mel.py), in double precision. Included once for each instruction set.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "real_fft.hpp"
#include "stages.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// log10 of a positive number: log of its mantissa m between 1/sqrt(2) and sqrt(2) by the series of
// 2 artanh((m - 1) / (m + 1)), to below a relative error of 1e-14. No library: their last bits differ.
inline double log10_of(double x) {
  const bool tiny = x < 1e-290;  // such numbers may have no exponent of their own
  x *= tiny ? 0x1p200 : 1.0;
  int64_t bits;
  std::memcpy(&bits, &x, 8);
  const int64_t exponent = (bits - 0x3fe6a09e667f3bcd) >> 52;
  bits -= exponent * (int64_t{1} << 52);
  double m;
  std::memcpy(&m, &bits, 8);
  const double s = (m - 1) / (m + 1), square = s * s;
  double p = 1.0 / 23;
  p = p * square + 1.0 / 21, p = p * square + 1.0 / 19, p = p * square + 1.0 / 17, p = p * square + 1.0 / 15;
  p = p * square + 1.0 / 13, p = p * square + 1.0 / 11, p = p * square + 1.0 / 9, p = p * square + 1.0 / 7;
  p = p * square + 1.0 / 5, p = p * square + 1.0 / 3;
  const double natural = 2 * (s + s * square * p);
  const double whole = static_cast<double>(static_cast<int32_t>(exponent) - (tiny ? 200 : 0));
  return natural * 0.43429448190325182765 + whole * 0.30102999566398119521;
}

// The sum of each band's bins, four sums that take them in turn.
inline double band_power(const double* weights, const double* power, int first, int end) {
  double sums[4] = {};
  int k = first;
  for (; k + 4 <= end; k += 4)
    for (int lane = 0; lane < 4; lane++) sums[lane] += weights[k + lane] * power[k + lane];
  for (int lane = 0; k < end; k++, lane++) sums[lane] += weights[k] * power[k];
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

void log_mel(const LogMelTables& s, const double* const* windows, float* const* features, int count) {
  const int M = s.fft / 2, stride = M + 8;
  const std::unique_ptr<double[]> memory(new double[5 * static_cast<size_t>(stride) + s.bands]);
  const ComplexRows z{memory.get(), memory.get() + stride}, work{z.im + stride, z.im + 2 * stride};
  double *power = work.im + stride, *bands = power + stride;
  // Only read.
  const ComplexRows roots{const_cast<double*>(s.root_re), const_cast<double*>(s.root_im)};
  for (int i = 0; i < count; i++) {
    const double* x = windows[i];
    const int pairs = s.window / 2;
    for (int k = 0; k < pairs; k++) z.re[k] = x[2 * k] * s.taper[2 * k], z.im[k] = x[2 * k + 1] * s.taper[2 * k + 1];
    std::fill(z.re + pairs, z.re + M, 0.0), std::fill(z.im + pairs, z.im + M, 0.0);
    if (s.window % 2) z.re[pairs] = x[s.window - 1] * s.taper[s.window - 1];
    power_spectrum(z, work, roots, s.fft, power);
    const size_t bins = M + 1;
    for (int band = 0; band < s.bands; band++)
      bands[band] = std::max(band_power(s.bank + band * bins, power, s.first_bin[band], s.end_bin[band]), s.floor);
    for (int band = 0; band < s.bands; band++)
      features[i][band] = bands[band] <= std::numeric_limits<double>::max()
                              ? static_cast<float>((log10_of(bands[band]) + 2) / 2)
                              : std::numeric_limits<float>::quiet_NaN();  // of samples that are not finite, or too large
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
