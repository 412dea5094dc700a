// The iterations of the spectral correction (wavesynth/audio/correction.py). Two frames are transformed at a time, as the
// real and the imaginary part of one. Included once for each instruction set.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "fft.hpp"
#include "projection_tables.hpp"

namespace wavesynth::WAVESYNTH_ISA {

static_assert(kBins == kPoints / 2 + 1);

inline int32_t bits(float x) { int32_t i; std::memcpy(&i, &x, 4); return i; }
inline float number(int32_t i) { float x; std::memcpy(&x, &i, 4); return x; }

// log10 of a positive number, by Cephes' polynomial for the logarithm between 1/sqrt(2) and sqrt(2).
inline float logarithm(float x) {
  const int32_t exponent = (bits(x) - 0x3f3504f3) >> 23;
  const float t = number(bits(x) - exponent * (1 << 23)) - 1, square = t * t;
  float p = 7.0376836292e-2f;
  p = p * t - 1.1514610310e-1f, p = p * t + 1.1676998740e-1f, p = p * t - 1.2420140846e-1f;
  p = p * t + 1.4249322787e-1f, p = p * t - 1.6668057665e-1f, p = p * t + 2.0000714765e-1f;
  p = p * t - 2.4999993993e-1f, p = p * t + 3.3333331174e-1f;
  const float natural = t + (p * t * square - 0.5f * square);
  return natural * 0.434294482f + static_cast<float>(exponent) * 0.301029996f;
}

// exp of what lies between -80 and 80, by Cephes' polynomial.
inline float exponential(float x) {
  const float scaled = x * 1.44269504f;
  const int32_t whole = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5f : 0.5f));
  const float n = static_cast<float>(whole), r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f, p = p * r + 8.3334519073e-3f, p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f, p = p * r + 5.0000001201e-1f;
  return (p * r * r + r + 1.0f) * number((whole + 127) * (1 << 23));
}

// Two frames under a window of `length` samples, transformed as one complex sequence; the second may be none.
inline void analyse(const float* first, const float* second, const float* window, int length, Spectrum& z, Spectrum& work) {
  for (int i = 0; i < length; i++) z.re[i] = first[i] * window[i], z.im[i] = second ? second[i] * window[i] : 0.0f;
  std::fill(z.re + length, z.re + kPoints, 0.0f), std::fill(z.im + length, z.im + kPoints, 0.0f);
  transform(z.re, z.im, work);
}

// A frame's gains [bands], log10 of amplitude, from its power spectrum and its target log-mel.
inline void band_gains(const ProjectionTables& s, const float* power, const float* target_mel, float active, float* gains) {
  for (int band = 0; band < s.bands; band++) {
    float sums[4] = {};
    const float* weights = s.bank + static_cast<size_t>(band) * kBins;
    for (int k = s.first_bin[band]; k < s.end_bin[band]; k++) sums[(k - s.first_bin[band]) & 3] += weights[k] * power[k];
    gains[band] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
  for (int band = 0; band < s.bands; band++) {
    const float log_mel = (logarithm(std::max(gains[band], s.floor)) + 2.0f) / 2.0f;
    gains[band] = std::min(std::max(target_mel[band] - log_mel, s.cut), s.boost) * (s.power * active);
  }
  gains[s.bands] = 0;  // which the last bins read, and take nothing of
}

// How much each bin of a frame is changed, as a part of what it is: [513].
inline void bin_changes(const ProjectionTables& s, const float* gains, float* change) {
  for (int k = 0; k < kBins; k++)
    change[k] = gains[s.lower_band[k]] * s.lower[k] + gains[s.lower_band[k] + 1] * s.upper[k];
  for (int k = 0; k < kBins; k++) change[k] = exponential(change[k]) - 1.0f;
}

// What is to be added to the two frames of z, 2,048 times: each bin of each frame times its change. z is lost.
inline void apply_changes(Spectrum& z, const float* first, const float* second, Spectrum& to) {
  for (int k = 0; k < kBins; k++) {
    const float zr = z.re[k], zi = z.im[k], wr = z.re[kPoints - k], wi = z.im[kPoints - k];
    const float ar = first[k] * (zr + wr), ai = first[k] * (zi - wi), br = second[k] * (zi + wi), bi = second[k] * (wr - zr);
    to.re[k] = ar - bi, to.im[k] = ai + br;
    to.re[kPoints - k] = ar + bi, to.im[kPoints - k] = br - ai;
  }
  transform(to.im, to.re, z);
}

// All iterations for one stream: samples [(frames - 1) hop + window], changed in place; target_mel [frames, bands]; active [frames].
void project(const ProjectionTables& s, float* samples, const float* target_mel, const float* active, int frames) {
  const int margin = s.window / 2 - s.inner / 2, reached = (frames - 1) * s.hop + s.inner;
  Spectrum z, work;
  float power[2][kBins], changes[2][kBins];
  std::vector<float> gains(s.bands + 1), sum(reached);
  float* inner = samples + margin;  // what the frames' windows reach
  for (int iteration = 0; iteration < s.iterations; iteration++) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (int frame = 0; frame < frames; frame += 2) {
      const int pair = std::min(2, frames - frame);
      const float *at = samples + frame * s.hop, *under = inner + frame * s.hop;
      analyse(at, pair == 2 ? at + s.hop : nullptr, s.analysis, s.window, z, work);
      for (int k = 0; k < kBins; k++) {
        const float zr = z.re[k], zi = z.im[k], wr = z.re[kPoints - k], wi = z.im[kPoints - k];
        const float ar = zr + wr, ai = zi - wi, br = zi + wi, bi = wr - zr;
        power[0][k] = 0.25f * (ar * ar + ai * ai), power[1][k] = 0.25f * (br * br + bi * bi);
      }
      for (int i = 0; i < pair; i++) {
        band_gains(s, power[i], target_mel + static_cast<size_t>(frame + i) * s.bands, active[frame + i], gains.data());
        bin_changes(s, gains.data(), changes[i]);
      }
      if (pair == 1) std::fill(changes[1], changes[1] + kBins, 0.0f);
      analyse(under, pair == 2 ? under + s.hop : nullptr, s.scaling, s.inner, z, work);
      apply_changes(z, changes[0], changes[1], work);
      float* to = sum.data() + frame * s.hop;
      for (int i = 0; i < s.inner; i++) to[i] += work.re[i] * s.synthesis[i];
      if (pair == 2) for (int i = 0; i < s.inner; i++) to[s.hop + i] += work.im[i] * s.synthesis[i];
    }
    for (int i = 0; i < reached; i++) inner[i] += sum[i];
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
