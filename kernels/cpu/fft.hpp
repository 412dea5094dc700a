// Fourier transforms of 1,024 real numbers, of K frames at once: each number is a row of K, a lane a frame.
//
// Two neighbouring samples are one complex number z[n] = x[2n] + i x[2n + 1], and 512 of these are transformed as
// 8 times 8 times 8: with n = a + 8 b + 64 c and bin = p + 8 q + 64 r,
//
//     Z[bin] = sum over a of W8^(a r) · W64^(a q) · (sum over b of W8^(b q) · W512^((a + 8 b) p) · (sum over c of W8^(c p) · z[n]))
//
// The three sums are three passes, after which bin p + 8 q + 64 r stands in block p at 8 q + r. The inverse takes the
// passes the other way round, of numbers whose two parts are exchanged. Every operation is rounded on its own and in one
// order. Included once for each instruction set.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace wavesynth::WAVESYNTH_ISA {

constexpr int kPoints = 512, kBlock = 64;
constexpr int kBlockStride = kBlock + 1;  // in memory: eight blocks 4,096 bytes apart would share few lines of the cache

template <int K>
struct Rows {
  typedef float Floats __attribute__((vector_size(4 * K)));
  typedef int32_t Ints __attribute__((vector_size(4 * K)));
};
template <int K>
struct Complex {
  typename Rows<K>::Floats re, im;
};
struct Root { float re, im; };

// Two bins of a real transform that are computed together: k and 512 - k, of which 0 and 512 stand at one place.
struct Pair {
  int k, at, partner_at;
  Root root;  // W1024^k
};

struct Roots {
  Root of_512[kBlock][8];  // W512^(n p), n = a + 8 b
  Root of_64[8][8];        // W64^(a q)
  Pair pairs[kPoints / 2 + 1];
  int first_pair[6];  // pairs from first_pair[p] on, before first_pair[p + 1]: those in blocks p and 8 - p, p <= 4
};

// Where bin k stands, of 512.
constexpr int place(int k) { return (k & 7) * kBlockStride + (k & 56) + (k >> 6 & 7); }

inline const Roots& roots() {
  static const Roots made = [] {
    Roots r{};
    auto root = [](int k, int n) {
      const double angle = -2 * std::acos(-1.0) * (k % n) / n;
      return Root{static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
    };
    for (int n = 0; n < kBlock; n++)
      for (int p = 0; p < 8; p++) r.of_512[n][p] = root(n * p, 512);
    for (int a = 0; a < 8; a++)
      for (int q = 0; q < 8; q++) r.of_64[a][q] = root(a * q, 64);
    int pairs = 0;
    for (int p = 0; p <= 4; p++) {
      r.first_pair[p] = pairs;
      for (int k = p; k <= (p % 4 ? kPoints - 1 : kPoints / 2); k += 8) r.pairs[pairs++] = {k, place(k), place(kPoints - k), root(k, 1024)};
    }
    r.first_pair[5] = pairs;
    return r;
  }();
  return made;
}

// What the sums of eight are multiplied by: nothing; by roots but for the first, which is 1; or by roots.
enum class Turned { kNone, kSeven, kEight };

// The transform of eight numbers, of which those from `Inputs` on are zero, and of which those from `Outputs` on are not
// needed. Output k is multiplied by turns[Step k]. What is read twice here is quicker to read than to keep.
template <int K, int Inputs, int Outputs, int From, int To, Turned turned = Turned::kNone, int Step = 1>
inline __attribute__((always_inline)) void transform_8(const Complex<K>* from, Complex<K>* to, const Root* turns = nullptr) {
  using V = typename Rows<K>::Floats;
  auto put = [&](int k, V re, V im) __attribute__((always_inline)) {
    if (k >= Outputs) return;
    if (turned == Turned::kNone || (turned == Turned::kSeven && k == 0)) {
      to[To * k].re = re, to[To * k].im = im;
    } else {
      const float wr = turns[Step * k].re, wi = turns[Step * k].im;
      to[To * k].re = re * wr - im * wi, to[To * k].im = re * wi + im * wr;
    }
  };
  auto sum = [&](int j) __attribute__((always_inline)) {
    if (j + 4 >= Inputs) return Complex<K>{from[From * j].re, from[From * j].im};
    return Complex<K>{from[From * j].re + from[From * (j + 4)].re, from[From * j].im + from[From * (j + 4)].im};
  };
  auto difference = [&](int j) __attribute__((always_inline)) {
    if (j + 4 >= Inputs) return Complex<K>{from[From * j].re, from[From * j].im};
    return Complex<K>{from[From * j].re - from[From * (j + 4)].re, from[From * j].im - from[From * (j + 4)].im};
  };
  {
    const Complex<K> a = sum(0), c = sum(2);
    const V pr = a.re + c.re, pi = a.im + c.im, qr = a.re - c.re, qi = a.im - c.im;
    const Complex<K> b = sum(1), d = sum(3);
    const V rr = b.re + d.re, ri = b.im + d.im, tr = b.re - d.re, ti = b.im - d.im;
    put(0, pr + rr, pi + ri), put(4, pr - rr, pi - ri);
    put(2, qr + ti, qi - tr), put(6, qr - ti, qi + tr);
  }
  {
    const Complex<K> b = difference(1), d = difference(3);
    const V s = b.re - d.re, u = b.im + d.im, v = b.re + d.re, w = b.im - d.im;
    const float half = 0.707106781f;
    const V rr = (s + u) * half, ri = (w - v) * half, tr = (v + w) * half, ti = (u - s) * half;
    const Complex<K> a = difference(0), c = difference(2);
    const V pr = a.re + c.im, pi = a.im - c.re, qr = a.re - c.im, qi = a.im + c.re;
    put(1, pr + rr, pi + ri), put(5, pr - rr, pi - ri);
    put(3, qr + ti, qi - tr), put(7, qr - ti, qi + tr);
  }
}

// The first pass, over c, for n and the next seven: z[n + i + 64 c] stands at 8 c + i of `part`, for c < Inputs; others are zero.
template <int K, int Inputs>
void first_pass(const Complex<K>* part, Complex<K>* blocks, const Roots& root, int n) {
  for (int i = 0; i < 8; i++) transform_8<K, Inputs, 8, 8, kBlockStride, Turned::kSeven>(part + i, blocks + n + i, root.of_512[n + i]);
}

// The other two passes, over b and a, of one block; `work` [64] is lost.
template <int K>
void block_to_bins(Complex<K>* block, Complex<K>* work, const Roots& root) {
  for (int a = 0; a < 8; a++) transform_8<K, 8, 8, 8, 8, Turned::kSeven>(block + a, work + a, root.of_64[a]);
  for (int q = 0; q < 8; q++) transform_8<K, 8, 8, 1, 1>(work + 8 * q, block + 8 * q);
}

// And back: the sums over r and q of block p.
template <int K>
void bins_to_block(Complex<K>* block, Complex<K>* work, const Roots& root, int p) {
  for (int q = 0; q < 8; q++) transform_8<K, 8, 8, 1, 1, Turned::kSeven>(block + 8 * q, work + 8 * q, root.of_64[q]);
  for (int a = 0; a < 8; a++)
    transform_8<K, 8, 8, 8, 8, Turned::kEight, kBlock>(work + a, block + a, root.of_512[a] + p);
}

// The inverse's last pass: the sum over p. Only the first `Outputs` times 64 numbers are made.
template <int K, int Outputs>
void last_pass(const Complex<K>* blocks, Complex<K>* z) {
  for (int n = 0; n < kBlock; n++) transform_8<K, 8, Outputs, kBlockStride, kBlock>(blocks + n, z + n);
}

}  // namespace wavesynth::WAVESYNTH_ISA
