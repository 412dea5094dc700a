"""Small networks for the Triton kernel, streams in its slots, and an interpreter whose sums have no order."""

import functools
from dataclasses import fields

import numpy as np
import pytest
import torch
from triton.runtime import interpreter

from wavesynth.kernels.triton import reference
from wavesynth.kernels.triton.kernel_config import interpreting
from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.network import pack
from wavesynth.kernels.triton.streams import Streams
from wavesynth.kernels.triton.tiled import Tiled
from wavesynth.sampling.draw import draw

__all__ = [
    "CONFIG",
    "advance",
    "conditioning_for",
    "copy",
    "in_interpreter",
    "network",
    "order_free",
    "same_streams",
    "started",
]

CONFIG = Tiled(tile=16, warps=4)
in_interpreter = pytest.mark.skipif(
    not interpreting(), reason="runs in Triton's interpreter, TRITON_INTERPRET=1"
)

#: The reference, with the one definition of the draw.
defined = functools.partial(reference.advance, draw=draw)


def order_free(a, b, start):
    """start + a · b, its sum in double precision: what NumPy's single precision gives depends on the machine."""
    total = np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.float32)
    return (total + start).astype(np.float32)


def order_free_dot(self, a, b, d, *_):
    """tl.dot with that sum."""
    return interpreter.TensorHandle(order_free(a.data, b.data, d.data), d.dtype.scalar)


def network(dilations=(1, 2, 4), residual=32, skip=32, classes=32, hop=5, seed=0, reversible=False):
    """A network whose predictions are far from uniform."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape, fan_in, gain=1.0):
        return torch.randn(*shape, generator=generator) * (gain * fan_in**-0.5)

    layers, r, s, a = len(dilations), residual, skip, classes
    return pack(
        tuple(dilations), hop, embedding=random(a, r, fan_in=1), dilated=random(layers, 2 * r, 2 * r, fan_in=2 * r),
        residual=random(layers, r, r, fan_in=r, gain=0.5), residual_bias=random(layers, r, fan_in=100),
        skip=random(s, layers * r, fan_in=layers * r, gain=2), skip_bias=random(s, fan_in=100),
        hidden=random(a, s, fan_in=s, gain=2), hidden_bias=random(a, fan_in=100),
        output=random(a, a, fan_in=a, gain=4), output_bias=random(a, fan_in=100), reversible=reversible,
    )  # fmt: skip


def conditioning_for(net, streams, samples, seed=1):
    """[streams, F, L, 2R] as the kernel takes it."""
    generator = torch.Generator().manual_seed(seed)
    shape = (streams, samples // net.hop + 2, net.layers, 2 * net.residual_channels)
    return net.conditioning(torch.randn(*shape, generator=generator) * 0.5)


def started(net, slots, seed=0):
    """Streams in all slots, each with a seed of its own, some of them above 2^63, and a temperature."""
    streams = Streams.empty(net, slots)
    streams.queues.fill_(float("nan"))  # a slot that is not started has nothing to read
    every = torch.arange(slots)
    streams.start(net, every)
    seeds = (every + 1 + 100 * seed) * 0x1234567890ABCDEF  # wraps around
    streams.rekey(every, seeds, 1.0 + every / slots)
    return streams


def copy(streams):
    return Streams(*(getattr(streams, f.name).clone() for f in fields(streams)))


def same_streams(a, b):
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


def advance(net, streams, conditioning, slots, n, config=CONFIG, **others):
    """The kernel's samples for the streams in `slots`, a list."""
    return Launcher(net).advance(
        streams, conditioning, torch.tensor(slots, dtype=torch.int32), n, config=config, **others
    )


def expected(net, streams, conditioning, slots, n, **others):
    """The reference's."""
    return defined(net, streams, conditioning, torch.as_tensor(slots), n, **others)
