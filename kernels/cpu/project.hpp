// The iterations of the spectral correction (wavesynth/audio/correction.py), for K frames at a time, a lane a frame.
//
// A stream's samples are a matrix [hop, columns], sample c hop + r in row r and column c, and the streams' matrices
// stand side by side: sample i of all frames is then consecutive numbers of one row, beginning at column i / hop. Each
// lane computes the same whatever lane it is and whatever the others hold, and what the frames add to a sample is summed
// in the frames' order. Included once for each instruction set.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "fft.hpp"
#include "stages.hpp"

namespace wavesynth::WAVESYNTH_ISA {

static_assert(kBins == kPoints + 1);

#if defined(__AVX512F__)
constexpr int kMostLanes = 16;
#elif defined(__AVX2__)
constexpr int kMostLanes = 8;
#else
constexpr int kMostLanes = 4;
#endif
constexpr int kFramesTogether = 16;  // how many frames of several streams are worked on together, to stay in the cache

template <int K>
inline typename Rows<K>::Floats row(const float* p) {
  typename Rows<K>::Floats x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
template <class V>
inline void put_row(float* p, V x) { std::memcpy(p, &x, sizeof x); }

// log10 of positive numbers, by Cephes' polynomial for the logarithm between 1/sqrt(2) and sqrt(2).
template <int K>
inline typename Rows<K>::Floats logarithm(typename Rows<K>::Floats x) {
  using V = typename Rows<K>::Floats;
  using I = typename Rows<K>::Ints;
  const I exponent = ((I)x - 0x3f3504f3) >> 23;
  const V t = (V)((I)x - (exponent << 23)) - 1.0f, square = t * t;
  V p = t * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * t + 1.1676998740e-1f, p = p * t - 1.2420140846e-1f;
  p = p * t + 1.4249322787e-1f, p = p * t - 1.6668057665e-1f, p = p * t + 2.0000714765e-1f;
  p = p * t - 2.4999993993e-1f, p = p * t + 3.3333331174e-1f;
  const V natural = t + (p * t * square - 0.5f * square);
  return natural * 0.434294482f + __builtin_convertvector(exponent, V) * 0.301029996f;
}

// 2 to the power of what lies between -100 and 100: a polynomial for what is left of the nearest whole number, 1 at 0.
template <int K>
inline typename Rows<K>::Floats power_of_two(typename Rows<K>::Floats x) {
  using V = typename Rows<K>::Floats;
  using I = typename Rows<K>::Ints;
  const V shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f);  // the sum's last bits are the whole number
  V p = r * 1.3264727313e-3f + 9.6715129912e-3f;
  p = p * r + 5.5507335812e-2f, p = p * r + 2.4022242427e-1f, p = p * r + 6.9314700365e-1f, p = p * r + 1.0f;
  return (V)((I)p + ((I)shifted << 23));
}

// What a group of K frames is computed in.
template <int K>
struct alignas(64) FrameGroup {
  Complex<K> blocks[8 * kBlockStride], work[kBlock];
  typename Rows<K>::Floats bins[kBins];  // their power, then how much they change
  Complex<K> change[kPoints];            // what is to be added to the samples, the two parts exchanged
};

// The streams that are worked on together, and their frames one after the other.
struct Streams {
  const ProjectionTables& tables;
  int frames, count, columns, stride;
  std::vector<float> samples, sum;            // [hop, stride], each stream `columns` of it
  std::vector<float> target_mel, gains;       // [group][band][lane]; [band + 1][lane]
  std::vector<float> strength;                // [group][lane]: the gains' exponent, or 0
  std::vector<int> place;                     // [window]: of each sample of the first frame
};

// The frames of one stream in a group: at which lanes.
template <int K>
struct FramesOfStream {
  typename Rows<K>::Ints lanes;
  int column;  // of the samples, for lane 0
};

template <int K>
inline int streams_of(const Streams& s, int first, FramesOfStream<K>* streams) {
  int made = 0;
  for (int stream = first / s.frames; stream < s.count && stream * s.frames < first + K; stream++, made++) {
    streams[made].column = stream * (s.columns - s.frames) + first;
    for (int lane = 0; lane < K; lane++) streams[made].lanes[lane] = (first + lane) / s.frames == stream ? -1 : 0;
  }
  return made;
}

// The first pass over the frames' samples from `margin` on, under a window.
template <int K>
inline void begin_transform(const Streams& s, const FramesOfStream<K>* streams, int count, int margin, const float* window, int length,
                            FrameGroup<K>& w, const Roots& root) {
  using V = typename Rows<K>::Floats;
  const float* samples = s.samples.data() + streams[0].column;
  V* part = &w.work[0].re;
  for (int n = 0; n < kBlock; n += 8) {
    const int needed = ((length + 1) / 2 - n + kBlock - 1) / kBlock, inputs = needed <= 4 ? 4 : needed <= 6 ? 6 : 8;
    for (int c = 0; c < inputs; c++) {
      const int first = 2 * (n + kBlock * c);
      for (int i = 0; i < 16; i++) {
        V x = {};
        if (first + i < length) {
          const int place = s.place[margin + first + i];
          x = row<K>(samples + place);
          for (int j = 1; j < count; j++) x = streams[j].lanes ? row<K>(s.samples.data() + streams[j].column + place) : x;
          x *= window[first + i];
        }
        part[16 * c + i] = x;
      }
    }
    if (inputs == 4) first_pass<K, 4>(w.work, w.blocks, root, n);
    else if (inputs == 6) first_pass<K, 6>(w.work, w.blocks, root, n);
    else first_pass<K, 8>(w.work, w.blocks, root, n);
  }
}

// From the first pass to each frame's power spectrum, four times.
template <int K>
inline void measure(FrameGroup<K>& w, const Roots& root) {
  using V = typename Rows<K>::Floats;
  for (int p = 0; p <= 4; p++) {
    block_to_bins(w.blocks + p * kBlockStride, w.work, root);
    if (p % 4) block_to_bins(w.blocks + (8 - p) * kBlockStride, w.work, root);
    for (int i = root.first_pair[p]; i < root.first_pair[p + 1]; i++) {
      const Pair& pair = root.pairs[i];
      const Complex<K> &z = w.blocks[pair.at], &y = w.blocks[pair.partner_at];
      const float wr = pair.root.re, wi = pair.root.im;
      const V even_re = z.re + y.re, even_im = z.im - y.im, odd_re = z.im + y.im, odd_im = y.re - z.re;
      const V turned_re = odd_re * wr - odd_im * wi, turned_im = odd_re * wi + odd_im * wr;
      const V ar = even_re + turned_re, ai = even_im + turned_im, br = even_re - turned_re, bi = even_im - turned_im;
      w.bins[pair.k] = ar * ar + ai * ai, w.bins[kPoints - pair.k] = br * br + bi * bi;
    }
  }
}

// The gains [bands + 1], log10 of amplitude; the last, which the last bins read, are 0, and nothing of it is taken.
template <int K>
inline void band_gains(const ProjectionTables& t, const FrameGroup<K>& w, const float* target_mel, const float* strengths, float* gains) {
  using V = typename Rows<K>::Floats;
  const V strength = row<K>(strengths), floor = V{} + t.floor, cut = V{} + t.cut, boost = V{} + t.boost;
  for (int band = 0; band < t.bands; band++) {
    V power = {};
    const float* weights = t.bank + static_cast<size_t>(band) * kBins;
    const V* bin = w.bins + t.first_bin[band];
    for (const float *at = weights + t.first_bin[band], *end = weights + t.end_bin[band]; at < end; at++, bin++) power += *at * *bin;
    put_row(gains + band * K, power);
  }
  for (int band = 0; band < t.bands; band++, gains += K, target_mel += K) {
    V power = row<K>(gains);
    power = power < floor ? floor : power;
    V gain = row<K>(target_mel) - (logarithm<K>(power) + 2.0f) * 0.5f;
    gain = gain < cut ? cut : gain, gain = gain > boost ? boost : gain;
    put_row(gains, gain * strength);
  }
  put_row(gains, V{});
}

// How much each bin is changed, as a part of what it is, and 1.
template <int K>
inline void bin_changes(const ProjectionTables& t, const float* gains, FrameGroup<K>& w) {
  const int* band = t.lower_band;
  const float *lower = t.lower, *upper = t.upper;
  for (int k = 0; k < kBins; k++) {
    const float* at = gains + band[k] * K;
    w.bins[k] = power_of_two<K>(row<K>(at) * lower[k] + row<K>(at + K) * upper[k]);
  }
}

// From the first pass to what is to be added to the frames, 1,024 times.
template <int K>
inline void change_frames(int inner, FrameGroup<K>& w, const Roots& root) {
  using V = typename Rows<K>::Floats;
  for (int p = 0; p <= 4; p++) {
    Complex<K> *block = w.blocks + p * kBlockStride, *other = w.blocks + (8 - p) * kBlockStride;
    block_to_bins(block, w.work, root);
    if (p % 4) block_to_bins(other, w.work, root);
    for (int i = root.first_pair[p]; i < root.first_pair[p + 1]; i++) {
      const Pair& pair = root.pairs[i];
      Complex<K> &z = w.blocks[pair.at], &y = w.blocks[pair.partner_at];
      const V one = w.bins[pair.k], two = w.bins[kPoints - pair.k], both = one + two - 2.0f, apart = one - two;
      const V turned = apart * pair.root.re, kept = apart * pair.root.im, a = both + kept, b = both - kept;
      const V zr = z.re, zi = z.im, yr = y.re, yi = y.im;
      z.im = a * zr + turned * yi, z.re = a * zi + turned * yr;
      y.im = b * yr + turned * zi, y.re = b * yi + turned * zr;
    }
    bins_to_block(block, w.work, root, p);
    if (p % 4) bins_to_block(other, w.work, root, 8 - p);
  }
  if (inner <= kPoints) last_pass<K, 4>(w.blocks, w.change); else last_pass<K, 8>(w.blocks, w.change);
}

// In the order of the frames which add to one sample: from a frame's last sample to its first.
template <int K>
inline void add_changes(Streams& s, const FramesOfStream<K>* streams, int count, int margin, const FrameGroup<K>& w) {
  using V = typename Rows<K>::Floats;
  const V* change = &w.change[0].re;
  const float* synthesis = s.tables.synthesis;
  for (int stream = 0; stream < count; stream++) {
    const auto lanes = streams[stream].lanes;
    float* sum = s.sum.data() + streams[stream].column;
    const int* place = s.place.data() + margin;
    for (int i = s.tables.inner - 1; i >= 0; i--) {
      float* at = sum + place[i];
      put_row(at, row<K>(at) + (lanes ? change[i ^ 1] * synthesis[i] : V{}));
    }
  }
}

template <int K>
inline FrameGroup<K>& frame_group() {
  static thread_local const std::unique_ptr<FrameGroup<K>> made(new FrameGroup<K>());
  return *made;
}

// One iteration for the K frames from `first` on: what is to be added is added to the sum.
template <int K>
void iterate(Streams& s, int first) {
  FrameGroup<K>& w = frame_group<K>();
  const ProjectionTables& t = s.tables;
  const float* strength = s.strength.data() + first;
  if (std::all_of(strength, strength + K, [](float x) { return x == 0; })) return;  // their changes are all zero
  FramesOfStream<K> streams[K];
  const int count = streams_of<K>(s, first, streams), margin = t.window / 2 - t.inner / 2;
  const Roots& root = roots();
  begin_transform(s, streams, count, 0, t.analysis, t.window, w, root);
  measure(w, root);
  band_gains(t, w, s.target_mel.data() + static_cast<size_t>(first) * t.bands, strength, s.gains.data());
  bin_changes(t, s.gains.data(), w);
  begin_transform(s, streams, count, margin, t.scaling, t.inner, w, root);
  change_frames(t.inner, w, root);
  add_changes(s, streams, count, margin, w);
}

// Calls work(lanes, first) for each group of frames: of the most lanes, and of half of them if no more are left.
template <class Work>
inline void for_groups(int frames, Work work) {
  for (int first = 0; first < frames;) {
#if defined(__AVX512F__)
    if (frames - first <= kMostLanes / 2) {
      work(std::integral_constant<int, kMostLanes / 2>(), first), first += kMostLanes / 2;
      continue;
    }
#endif
    work(std::integral_constant<int, kMostLanes>(), first), first += kMostLanes;
  }
}

// All iterations for `count` streams: samples [(frames - 1) hop + window] each, changed in place; target_mel
// [frames, bands] and active [frames] each.
inline void project_together(const ProjectionTables& t, float* const* samples, const float* const* target_mel,
                             const float* const* active, int frames, int count) {
  const int columns = frames - 1 + (t.window + t.hop - 1) / t.hop, stride = count * columns + kMostLanes;
  const int length = (frames - 1) * t.hop + t.window, padded = count * frames + kMostLanes;
  const int begin = t.window / 2 - t.inner / 2, end = begin + (frames - 1) * t.hop + t.inner;  // what is changed
  Streams s{t, frames, count, columns, stride};
  s.samples.resize(static_cast<size_t>(t.hop) * stride), s.sum.resize(s.samples.size());
  s.target_mel.resize(static_cast<size_t>(padded) * t.bands), s.strength.resize(padded);
  for (int i = 0; i < t.window; i++) s.place.push_back(i % t.hop * stride + i / t.hop);
  s.gains.resize(static_cast<size_t>(t.bands + 1) * kMostLanes);
  for (int stream = 0; stream < count; stream++)
    for (int i = 0, column = stream * columns; i < length; column++)
      for (int r = 0; r < t.hop && i < length; r++, i++) s.samples[static_cast<size_t>(r) * stride + column] = samples[stream][i];
  for_groups(count * frames, [&](auto lanes, int first) {
    constexpr int K = decltype(lanes)::value;
    for (int item = first; item < std::min(first + K, count * frames); item++) {
      const int stream = item / frames, frame = item % frames;
      s.strength[item] = t.power * active[stream][frame];
      for (int band = 0; band < t.bands; band++)
        s.target_mel[static_cast<size_t>(first) * t.bands + band * K + item - first] = target_mel[stream][static_cast<size_t>(frame) * t.bands + band];
    }
  });
  for (int iteration = 0; iteration < t.iterations; iteration++) {
    for_groups(count * frames, [&](auto lanes, int first) { iterate<decltype(lanes)::value>(s, first); });
    float *__restrict to = s.samples.data(), *__restrict sum = s.sum.data();
    for (size_t i = 0, end = s.sum.size(); i < end; i++) to[i] += sum[i], sum[i] = 0;
  }
  for (int stream = 0; stream < count; stream++)
    for (int i = begin; i < end; i++)
      samples[stream][i] = s.samples[static_cast<size_t>(i % t.hop) * stride + stream * columns + i / t.hop];
}

void project_all(const ProjectionTables& t, float* const* samples, const float* const* target_mel, const float* const* active,
                 int frames, int count) {
  const int together = std::max(1, kFramesTogether / frames);
  for (int first = 0; first < count; first += together)
    project_together(t, samples + first, target_mel + first, active + first, frames, std::min(together, count - first));
}

}  // namespace wavesynth::WAVESYNTH_ISA
