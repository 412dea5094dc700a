"""The gate, and the draw of a sample's class, inside the kernel.

The draw is the integers of every other backend: softmax weights rounded to whole numbers, a share of their sum
taken by Philox4x32-10. It holds as long as no product and sum are fused (`enable_fp_fusion=False` at the launch, or
`KEPT_APART`).
"""

# Triton takes a jit function's names apart: constants are tl.constexpr, and so are the flags.
# ruff: noqa: N803
from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["EXP2", "GATE", "choice", "draw", "gate", "is_finite", "philox", "squash"]

#: tanh(a) = a (s² + g0 s + g1) / (g2 s² + g3 s + g4), s = a², |a| clamped to g5; absolute error below 1e-4.
GATE = (155.3146209716797, 1526.5433349609375, 19.298025131225586, 663.4156494140625, 1526.833251953125, 5.0)
#: 2^f on [-1/2, 1/2], lowest power first.
EXP2 = (
    1.0000001192092896,
    0.6931210160255432,
    0.2402210682630539,
    0.055922120809555054,
    0.009676046669483185,
)
G0, G1, G2, G3, G4, G5 = map(tl.constexpr, GATE)
E0, E1, E2, E3, E4 = map(tl.constexpr, EXP2)
#: The most likely class has weight 2^21.
WEIGHT_BITS = tl.constexpr(21)
#: Added and taken away again, it rounds |x| < 2^22 to the nearest even whole number.
ROUND = tl.constexpr(12582912.0)


@triton.jit
def _tanh(a, APPROXIMATE: tl.constexpr):
    if APPROXIMATE:
        return tl.inline_asm_elementwise(
            "tanh.approx.f32 $0, $1;", "=f,f", [a], tl.float32, is_pure=True, pack=1
        )
    a = tl.maximum(a, -G5, propagate_nan=tl.PropagateNan.ALL)
    a = tl.minimum(a, G5, propagate_nan=tl.PropagateNan.ALL)
    s = a * a
    return ((s + G0) * s + G1) * a / ((G2 * s + G3) * s + G4)


@triton.jit
def gate(h, R: tl.constexpr, B: tl.constexpr, APPROXIMATE: tl.constexpr):
    """tanh(filtered) · σ(gated), [R, B], from rows [2R, B] that alternate: 8 filtered, 8 gated (network.interleave).

    So both halves of a channel are the same thread's, in the layout of a tensor core's sums. `APPROXIMATE` takes
    the GPU's own tanh (relative error 2^-11); without, it is the quotient of the reference, bit for bit.
    """
    halves = tl.permute(tl.reshape(h, (R // 8, 2, 8, B)), (0, 2, 3, 1))
    filtered, gated = tl.split(halves)
    return tl.reshape(squash(filtered, gated, APPROXIMATE), (R, B))


@triton.jit
def squash(filtered, gated, APPROXIMATE: tl.constexpr):
    """tanh(filtered) · σ(gated): WaveNet, eq. 2."""
    return _tanh(filtered, APPROXIMATE) * (0.5 + 0.5 * _tanh(0.5 * gated, APPROXIMATE))


@triton.jit
def philox(seed, index):
    """The first word of Philox4x32-10 with key `seed` and counter `index`, both int64 [B]: uint32 [B]."""
    key0 = seed.to(tl.uint32)
    key1 = (seed >> 32).to(tl.uint32)
    c0 = index.to(tl.uint32)
    c1 = (index >> 32).to(tl.uint32)
    c2 = c0 ^ c0
    c3 = c2
    multiplier0 = c2 + 0xD2511F53
    multiplier1 = c2 + 0xCD9E8D57
    for _ in tl.static_range(10):
        high0, low0 = tl.umulhi(multiplier0, c0), multiplier0 * c0
        high1, low1 = tl.umulhi(multiplier1, c2), multiplier1 * c2
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0 = key0 + 0x9E3779B9
        key1 = key1 + 0xBB67AE85
    return c0


@triton.jit
def _product(a, b, KEPT_APART: tl.constexpr):
    """a · b, [A, B], rounded on its own whatever the compiler may fuse."""
    if KEPT_APART:
        return tl.inline_asm_elementwise(
            "mul.rn.f32 $0, $1, $2;", "=f,f,f", [a, b], tl.float32, is_pure=True, pack=1
        )
    return a * b


@triton.jit
def draw(logits, random, inverse, A: tl.constexpr):
    """The class of each column of `logits` [A, B], int32 [B]: -1 where one of them is not finite.

    `random` is philox's word, `inverse` log2(e) / temperature, both [B].
    """
    return tl.where(is_finite(logits), choice(logits, random, inverse, A, False), -1)


@triton.jit
def is_finite(logits):
    """Whether all of a column's are: [B]."""
    return tl.sum(logits * 0.0, 0) == 0.0


@triton.jit
def choice(logits, random, inverse, A: tl.constexpr, KEPT_APART: tl.constexpr):
    """`draw` where all are finite; a class in any case."""
    scaled = _product(logits - tl.max(logits, 0)[None, :], inverse[None, :], KEPT_APART)
    scaled = tl.maximum(scaled, -30.0)
    whole = (scaled + ROUND) - ROUND
    fraction = scaled - whole
    power = _product(fraction, E4, KEPT_APART) + E3
    power = _product(power, fraction, KEPT_APART) + E2
    power = _product(power, fraction, KEPT_APART) + E1
    power = _product(power, fraction, KEPT_APART) + E0
    scale = ((whole.to(tl.int32) + (WEIGHT_BITS + 127)) << 23).to(tl.float32, bitcast=True)
    weights = ((_product(power, scale, KEPT_APART) + ROUND) - ROUND).to(tl.int32)
    cumulated = tl.cumsum(weights, 0)
    total = tl.sum(weights, 0)
    threshold = tl.umulhi(random, total.to(tl.uint32)).to(tl.int32)
    token = tl.sum((cumulated <= threshold[None, :]).to(tl.int32), 0)
    return tl.minimum(token, A - 1)
