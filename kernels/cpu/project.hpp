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

// What a group of K frames is computed in.
template <int K>
struct alignas(64) FrameGroup {
  Complex<K> blocks[8 * kBlockStride], work[kBlock];
  typename Rows<K>::Floats bins[kBins + kAbreast - 1];  // their power, then how much they change
  Complex<K> change[kPoints];                           // what is to be added to the samples, the two parts exchanged
};

// The streams that are worked on together, and their frames one after the other.
struct Streams {
  const ProjectionTables& tables;
  int frames, count, columns, stride;
  std::vector<float> samples, sum;            // [hop, stride], each stream `columns` of it
  std::vector<float> target_mel, gains;       // [group][band][lane]; [band + kAbreast][lane]
  std::vector<float> strength;                // [group][lane]: the gains' exponent, or 0
  std::vector<int> place;                     // of each sample of the first stream
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
      const int filled = std::min(16, std::max(0, length - first));
      const int* place = s.place.data() + margin + first;
      V* to = part + 16 * c;
      const float* under = window + first;
      if (count == 1) {
#pragma GCC unroll 4
        for (int i = 0; i < filled; i++) to[i] = row<K>(samples + place[i]) * under[i];
      } else {
        for (int i = 0; i < filled; i++) {
          V x = row<K>(samples + place[i]);
          for (int j = 1; j < count; j++) x = streams[j].lanes ? row<K>(s.samples.data() + streams[j].column + place[i]) : x;
          to[i] = x * under[i];
        }
      }
      std::fill(to + filled, to + 16, V{});
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
#pragma GCC unroll 4
    for (const float *at = weights + t.first_bin[band], *end = weights + t.end_bin[band]; at < end; at++, bin++) power += *at * *bin;
    put_row(gains + band * K, power);
  }
  for (int band = 0; band < t.bands; band += kAbreast) {
    const int last = std::min(kAbreast, t.bands - band) - 1;
    V power[kAbreast];
    each<K>(power, [&](int i, V) {
      const V x = row<K>(gains + (band + std::min(i, last)) * K);
      return x < floor ? floor : x;
    });
    logarithms<K>(power);
    each<K>(power, [&](int i, V power) {
      V gain = row<K>(target_mel + (band + std::min(i, last)) * K) - (power + 2.0f) * 0.5f;
      gain = gain < cut ? cut : gain, gain = gain > boost ? boost : gain;
      put_row(gains + (band + i) * K, gain * strength);
      return gain;
    });
  }
  put_row(gains + t.bands * K, V{});
}

// How much each bin is changed, as a part of what it is, and 1.
template <int K>
inline void bin_changes(const ProjectionTables& t, const float* gains, FrameGroup<K>& w) {
  using V = typename Rows<K>::Floats;
  const int* band = t.lower_band;
  const float *lower = t.lower, *upper = t.upper;
  for (int k = 0; k < kBins; k += kAbreast) {
    V change[kAbreast];
    const int last = std::min(kAbreast, kBins - k) - 1;
    each<K>(change, [&](int i, V) {
      const int bin = k + std::min(i, last);
      const float* at = gains + band[bin] * K;
      return row<K>(at) * lower[bin] + row<K>(at + K) * upper[bin];
    });
    powers_of_two<K>(change);
    each<K>(w.bins + k, [&](int i, V) { return change[i]; });
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
  s.place.resize(length);
  for (int i = 0, column = 0; i < length; column++)
    for (int r = 0; r < t.hop && i < length; r++, i++) s.place[i] = r * stride + column;
  s.gains.resize(static_cast<size_t>(t.bands + kAbreast) * kMostLanes);
  for (int stream = 0; stream < count; stream++)
    for (int i = 0; i < length; i++) s.samples[s.place[i] + stream * columns] = samples[stream][i];
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
    for (int i = begin; i < end; i++) samples[stream][i] = s.samples[s.place[i] + stream * columns];
}

void project_all(const ProjectionTables& t, float* const* samples, const float* const* target_mel, const float* const* active,
                 int frames, int count) {
  const int together = std::max(1, kFramesTogether / frames);
  for (int first = 0; first < count; first += together)
    project_together(t, samples + first, target_mel + first, active + first, frames, std::min(together, count - first));
}

}  // namespace wavesynth::WAVESYNTH_ISA
