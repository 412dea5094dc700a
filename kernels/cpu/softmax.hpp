// What the logits of a sample mean: the class that is drawn (wavesynth/sampling/draw.py), or the bits that a given one
// costs. Included once for each instruction set, after that set's simd_*.hpp.
#pragma once
#include "network.hpp"
#include "philox.hpp"

namespace wavesynth::WAVESYNTH_ISA {

// 2^x by a polynomial (draw.py), of x from -30 on: its fraction's power of two, and in `whole` the rest.
inline Floats power_of_fraction(Floats x, Ints& whole) {
  whole = round(x);
  const Floats f = sub(x, to_floats(whole));
  Floats power = splat(0.009676046669483185f);
  power = add(mul(power, f), splat(0.055922120809555054f));
  power = add(mul(power, f), splat(0.2402210682630539f));
  power = add(mul(power, f), splat(0.6931210160255432f));
  return add(mul(power, f), splat(1.0000001192092896f));
}
inline Floats times_power_of_two(Floats x, Ints whole, int more) { return mul(x, as_floats(shift_left(add(whole, splat(127 + more)), 23))); }

inline float highest_logit(const float* logits, int classes) {
  Floats most = load(logits);
  for (int i = 16; i < classes; i += 16) most = max(most, load(logits + i));
  return highest(most);
}

// Logits as exponents of two, the highest 0 and none below -30.
inline Floats exponents(const float* logits, Floats top, Floats inverse) { return max(mul(sub(load(logits), top), inverse), splat(-30.0f)); }

// The class whose cumulated softmax weight first exceeds a random share of the total (draw.py). `weights` is
// room for the softmax's numerators.
inline int32_t draw(const float* logits, int32_t* weights, int classes, const StreamCall& stream) {
  const Floats top = splat(highest_logit(logits, classes)), inverse = splat(stream.inverse_temperature);
  Ints sum = splat(0);
  for (int i = 0; i < classes; i += 16) {
    Ints whole;
    const Floats power = power_of_fraction(exponents(logits + i, top, inverse), whole);
    Ints weight = round(times_power_of_two(power, whole, 21));
    store(weights + i, weight);
    sum = add(sum, weight);
  }
  const uint64_t share = static_cast<uint64_t>(philox(stream.seed, stream.index)) * static_cast<uint32_t>(total(sum)) >> 32;
  uint64_t cumulated = 0;
  for (int i = 0; i < classes; i += 16) {
    uint64_t block = static_cast<uint32_t>(total(load(weights + i)));
    if (cumulated + block > share)
      for (;; i++)
        if ((cumulated += static_cast<uint32_t>(weights[i])) > share) return i;
    cumulated += block;
  }
  return classes - 1;  // not reached: share is less than the total
}

// -log2 of the softmax's share of class `token`; `inverse_temperature` is log2(e) / temperature.
inline float bits_of(const float* logits, int classes, int32_t token, float inverse_temperature) {
  const float top = highest_logit(logits, classes);
  Floats sum = splat(0.0f);
  for (int i = 0; i < classes; i += 16) {
    Ints whole;
    const Floats power = power_of_fraction(exponents(logits + i, splat(top), splat(inverse_temperature)), whole);
    sum = add(sum, times_power_of_two(power, whole, 0));
  }
  alignas(64) float lanes[16];
  store(lanes, sum);
  float all = 0;
  for (float lane : lanes) all += lane;
  return __builtin_log2f(all) - (logits[token] - top) * inverse_temperature;
}

}  // namespace wavesynth::WAVESYNTH_ISA
