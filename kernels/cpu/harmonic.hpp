// A harmonic-plus-noise voice, frame after frame. At frame f the network says what excites frame f + 1, and the samples
// between the two are made of
//
//     harmonics    sum over k of Re B_k(t) exp(2 pi i k phase(t)), of amplitudes B that go from those of frame f to those
//                  of f + 1 in a straight line, as the fundamental frequency does
//     noise        of each frame, drawn as a spectrum; it fades in before the frame and out after it
//
// (Stylianou, 2001). The spectrum is that of the log-mel, its phase that of minimum phase (Oppenheim and Schafer,
// "Discrete-Time Signal Processing", 3rd edition, 2010, sec. 13.5), or a part of it. Included once
// for each instruction set, after that set's simd_*.hpp.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "convert.hpp"
#include "harmonic_tables.hpp"
#include "philox.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// Within ±most; what is no number is -most.
inline float limited(float x, float most) { return x > -most ? std::min(x, most) : -most; }

struct Angle { double cosine, sine; };

// The cosine and sine of so many turns, by Taylor's series within an eighth of a turn.
inline Angle turned(double turns) {
  const double quarters = std::floor(4 * turns + 0.5), x = 6.283185307179586 * (turns - 0.25 * quarters), y = x * x;
  double cosine = 0, sine = 0;
  for (int n = 14; n >= 2; n -= 2) {
    cosine = (1 + cosine) * (-y / ((n - 1) * n));
    sine = (1 + sine) * (-y / (n * (n + 1)));
  }
  cosine += 1, sine = x * (1 + sine);
  switch (static_cast<int64_t>(quarters) & 3) {
    case 0: return {cosine, sine};
    case 1: return {-sine, cosine};
    case 2: return {-cosine, -sine};
    default: return {sine, -cosine};
  }
}

// What a stream's frame is made with.
struct HarmonicWork {
  std::vector<float> filter, harmonics, noise, hidden, said;
  std::vector<double> re, im;
  explicit HarmonicWork(const HarmonicTables& t)
      : filter(2 * t.bins()), noise(2 * t.hop), hidden(2 * t.channels), said(1 + t.pitches + t.noises), re(t.points), im(t.points) {}
};

// The transform of `points` complex numbers in place: sum over n of x[n] exp(-2 pi i k n / points).
inline void transform(const HarmonicTables& t, std::vector<double>& re, std::vector<double>& im) {
  const int N = t.points;
  for (int i = 1, j = 0; i < N; i++) {
    int bit = N / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(re[i], re[j]), std::swap(im[i], im[j]);
  }
  for (int half = 1; half < N; half *= 2)
    for (int k = 0; k < half; k++) {
      const double wr = t.root_re[k * (N / 2 / half)], wi = t.root_im[k * (N / 2 / half)];
      for (int a = k; a < N; a += 2 * half) {
        const int b = a + half;
        const double xr = re[b] * wr - im[b] * wi, xi = re[b] * wi + im[b] * wr;
        re[b] = re[a] - xr, im[b] = im[a] - xi, re[a] = re[a] + xr, im[a] = im[a] + xi;
      }
    }
}

// The network's outputs of a window, into w.said.
inline void harmonic_hear(const HarmonicTables& t, const float* window, HarmonicWork& w) {
  const float* input = window;
  for (int l = 0; l < t.layers; l++) {
    float* to = w.hidden.data() + (l % 2) * t.channels;
    dense(t.dense[l], &input, 1, [&](int, int output, const float* values, int n) {
      for (int k = 0; k < n; k++) to[output + k] = std::max(values[k], 0.0f);
    });
    input = to;
  }
  dense(t.dense[t.layers], &input, 1, [&](int, int output, const float* values, int n) { std::copy(values, values + n, w.said.data() + output); });
}

// The fundamental frequency that w.said has, hertz; 0 if the frame is not voiced. Between two pitches the one is taken that
// a parabola through the three best logits has.
inline float harmonic_pitch(const HarmonicTables& t, const HarmonicWork& w) {
  if (!(w.said[0] > 0)) return 0;
  const float* logit = w.said.data() + 1;
  const int best = static_cast<int>(std::max_element(logit, logit + t.pitches) - logit);
  float number = static_cast<float>(best);
  if (best > 0 && best + 1 < t.pitches) {
    const float left = logit[best - 1], right = logit[best + 1], curve = left - 2.0f * logit[best] + right;
    if (curve < 0) number += std::min(std::max(0.5f * (left - right) / curve, -0.5f), 0.5f);
  }
  return t.lowest * exponential(0.693147181f * number / static_cast<float>(t.per_octave));
}

// The share of the amplitude at a bin that is noise, of what w.said has of each band: between the bands' middles.
inline float harmonic_noise_share(const HarmonicTables& t, const HarmonicWork& w, int bin) {
  const float* logit = w.said.data() + 1 + t.pitches;
  const float at = static_cast<float>(bin) * static_cast<float>(t.noises) / static_cast<float>(t.bins() - 1) - 0.5f;
  const float within = std::min(std::max(at, 0.0f), static_cast<float>(t.noises - 1));
  const int below = std::min(static_cast<int>(within), std::max(t.noises - 2, 0)), next = std::min(below + 1, t.noises - 1);
  const float low = sigmoid(limited(logit[below], 80.0f)), high = sigmoid(limited(logit[next], 80.0f));
  return low + (within - static_cast<float>(below)) * (high - low);
}

// Of a frame's log-mel [bands] and what w.said has of it: the harmonics' filter into w.filter [2][bins], real and imaginary
// parts for a flat source of 1, and the frame's noise into w.noise [2 hop].
inline void harmonic_frame(const HarmonicTables& t, const float* mel, bool voiced, uint64_t seed, uint64_t frame, float temperature,
                           HarmonicWork& w) {
  const int N = t.points, bins = t.bins();
  auto spectrum = [&](int k) {
    const int b = t.band[k], next = std::min(b + 1, t.bands - 1);
    const float low = 2.302585093f * limited(mel[b], 10.0f) + t.level[b], high = 2.302585093f * limited(mel[next], 10.0f) + t.level[next];
    return low + t.above[k] * (high - low);
  };
  if (voiced) {
    // The cepstrum; twice its causal part transforms to the spectrum and its phase.
    for (int k = 0; k < bins; k++) w.re[k] = w.re[(N - k) % N] = spectrum(k);
    std::fill(w.im.begin(), w.im.end(), 0.0);
    transform(t, w.re, w.im);
    for (int n = 1; n < N / 2; n++) w.re[n] = 2 * w.re[n] / N;
    std::fill(w.re.begin() + N / 2, w.re.end(), 0.0), std::fill(w.im.begin(), w.im.end(), 0.0);
    w.re[0] = 0;
    transform(t, w.re, w.im);
  }
  if (!voiced) std::fill(w.im.begin(), w.im.end(), 0.0);
  const std::vector<double>& phase = w.im;
  for (int k = 0; k < bins; k++) {
    const float amplitude = exponential(spectrum(k)), share = voiced ? harmonic_noise_share(t, w, k) : 1.0f;
    const Angle angle = turned(t.minimum_phase * phase[k] / 6.283185307179586);
    const float periodic = voiced ? amplitude * std::sqrt(std::max(1.0f - share * share, 0.0f)) : 0.0f;
    w.filter[k] = periodic * static_cast<float>(angle.cosine), w.filter[bins + k] = periodic * static_cast<float>(angle.sine);
    w.re[k] = amplitude * share * temperature;
  }
  // Noise of that spectrum: real and imaginary parts are differences of two uniform bytes, of the variance 2 (256² - 1) / 12.
  const double scale = 1.0 / std::sqrt(2.0 * N * 65535.0 / 6.0);
  for (int k = 0; k < bins; k++) {
    const uint32_t word = philox(seed, frame * static_cast<uint64_t>(bins) + k);
    const double amplitude = k == 0 || k == bins - 1 ? 0.0 : w.re[k] * scale;
    w.re[k] = amplitude * (static_cast<int>(word & 255) - static_cast<int>(word >> 8 & 255));
    w.im[k] = amplitude * (static_cast<int>(word >> 16 & 255) - static_cast<int>(word >> 24));
  }
  for (int k = bins; k < N; k++) w.re[k] = w.re[N - k], w.im[k] = -w.im[N - k];
  transform(t, w.re, w.im);
  for (int n = 0; n < 2 * t.hop; n++) w.noise[n] = static_cast<float>(w.re[n]) * t.fade[n];
}

// Adds the harmonics of the samples between two frames to out [hop]: from `hertz` and the filter `from` to `next` and `to`, either of
// which may be null for silence; [2][bins] each. Returns the phase, in turns, behind them.
inline float add_harmonics(const HarmonicTables& t, float phase, float hertz, float next, const float* from, const float* to, HarmonicWork& w,
                           float* out) {
  const int bins = t.bins(), count = static_cast<int>(0.49f * t.sample_rate / std::max(hertz, next));
  if (count < 1) return phase;
  // B at both ends: [count][4], the real and imaginary parts at the beginning, and what they grow by.
  w.harmonics.resize(4 * static_cast<size_t>(count));
  auto amplitude = [&](const float* filter, float f, int k, float* re, float* im) {
    *re = *im = 0;
    if (!filter) return;
    const float at = std::min(static_cast<float>(k) * f / t.sample_rate * static_cast<float>(t.points), static_cast<float>(bins - 1));
    const int below = std::min(static_cast<int>(at), bins - 2);
    const float part = at - static_cast<float>(below), gain = 2.0f * std::sqrt(f / t.sample_rate);
    *re = gain * (filter[below] + part * (filter[below + 1] - filter[below]));
    *im = gain * (filter[bins + below] + part * (filter[bins + below + 1] - filter[bins + below]));
  };
  for (int k = 0; k < count; k++) {
    float re, im, next_re, next_im, *b = w.harmonics.data() + 4 * k;
    amplitude(from, hertz, k + 1, &re, &im), amplitude(to, next, k + 1, &next_re, &next_im);
    b[0] = re, b[1] = im, b[2] = next_re - re, b[3] = next_im - im;
  }
  double turns = phase;
  const double rate = t.sample_rate;
  for (int first = 0; first < t.hop; first += 16) {
    alignas(64) float cosine[16], sine[16], passed[16], real[16];
    for (int i = 0; i < 16; i++) {
      passed[i] = static_cast<float>(first + i) / static_cast<float>(t.hop);
      const Angle z = turned(turns);
      cosine[i] = static_cast<float>(z.cosine), sine[i] = static_cast<float>(z.sine);
      turns += (hertz + passed[i] * (next - hertz)) / rate;
      turns -= std::floor(turns);
    }
    // Horner's rule, a lane a sample.
    const Floats c = load(cosine), s = load(sine), p = load(passed);
    Floats re = splat(0.0f), im = splat(0.0f);
    for (int k = count - 1; k >= 0; k--) {
      const float* b = w.harmonics.data() + 4 * k;
      const Floats sum_re = add(re, add(splat(b[0]), mul(p, splat(b[2])))), sum_im = add(im, add(splat(b[1]), mul(p, splat(b[3]))));
      re = sub(mul(sum_re, c), mul(sum_im, s)), im = add(mul(sum_re, s), mul(sum_im, c));
    }
    store(real, re);
    for (int i = 0; i < 16; i++) out[first + i] += real[i];
  }
  return static_cast<float>(turns);
}

// The samples of a frame, whose window this is, into the state.
inline void harmonic_next(const HarmonicTables& t, HarmonicCall& call, const float* window, HarmonicWork& w) {
  constexpr float kJump = 1.3f;  // a pitch that rises or falls by more within a frame is another one
  float *state = call.state, *filter = state + t.filter_at(), *noise = state + t.noise_at(), *out = state + t.frame_at();
  const uint64_t frame = call.index / t.hop;
  auto next_frame = [&](uint64_t number, const float* mel, float hertz) {
    harmonic_frame(t, mel, hertz > 0, call.seed, number, call.temperature, w);
  };
  if (frame == 0) {  // nothing is known of the first frame but its log-mel
    next_frame(0, window + t.kContext * t.bands, 0);
    std::copy(w.noise.begin() + t.hop, w.noise.end(), noise);
  }
  harmonic_hear(t, window, w);
  const float hertz = state[1], next = harmonic_pitch(t, w);
  next_frame(frame + 1, window + (t.kContext + 1) * t.bands, next);
  for (int n = 0; n < t.hop; n++) out[n] = noise[n] + w.noise[n];
  if (hertz > 0 && next > 0 && hertz < kJump * next && next < kJump * hertz) {
    state[0] = add_harmonics(t, state[0], hertz, next, filter, w.filter.data(), w, out);
  } else {
    if (hertz > 0) add_harmonics(t, state[0], hertz, hertz, filter, nullptr, w, out);
    if (next > 0) state[0] = add_harmonics(t, state[0], next, next, nullptr, w.filter.data(), w, out);
  }
  for (int n = 0; n < t.hop; n++) out[n] = std::min(std::max(out[n], -1.0f), 1.0f);
  state[1] = next;
  std::copy(w.filter.begin(), w.filter.end(), filter), std::copy(w.noise.begin() + t.hop, w.noise.end(), noise);
}

void harmonic(const HarmonicTables& t, HarmonicCall* calls, int count, int n) {
  HarmonicWork work(t);
  for (int i = 0; i < count; i++) {
    HarmonicCall& call = calls[i];
    const uint64_t begin = call.index, end = begin + n;
    while (call.index < end) {
      const int within = static_cast<int>(call.index % t.hop);
      if (within == 0) harmonic_next(t, call, call.windows + (call.index / t.hop - begin / t.hop) * t.kWindow * t.bands, work);
      const int some = static_cast<int>(std::min<uint64_t>(t.hop - within, end - call.index));
      const float* made = call.state + t.frame_at() + within;
      std::copy(made, made + some, call.samples + (call.index - begin));
      call.index += some;
    }
  }
}

}  // namespace wavesynth::WAVESYNTH_ISA
