"""A normalizing flow over audio, one block of samples at a time, each given the audio before it and the log-mel.

WaveFlow (Ping et al., 2020, arXiv 1912.01219, sec. 3) squeezes audio into a matrix, and is autoregressive over its
height; WaveGlow (Prenger et al., 2019, arXiv 1811.00002) is not autoregressive at all, and needs a network thirty times
as large. Here audio is squeezed into blocks of n = 16 samples, and the flow is autoregressive over time: all samples of
a block are made at once, which a stream needs anyway. The density is exact (change of variables):

    e = x + a(mel) * x            the excitation: linear prediction from the samples before, of volume 1
    h = WaveNet over past blocks  of e and x, just before and one period ago, over the gain; and over the log-mel
    u = (e / gain - mean(h)) / exp(log_scale(h))
    z = couplings(u; h)           each half of the block in turn, scaled and shifted by what the other half and h say
    log p(x) = log p(z) - log gain - log_scale + the couplings' log-determinants

z is logistic (Dinh et al., 2014, sec. 3.4). Training computes all blocks in parallel, for it knows x. Sampling runs
the same steps backwards, block after block (kernels/cpu/flow.hpp). The linear prediction is an all-pole filter, as in
LPCNet (Valin and Skoglund, 2019); the network says its reflection coefficients, so that it is always stable.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.couplings import AffineCoupling, Halves, Interleaved, Partition
from wavesynth.models.flows import STANDARD_LOGISTIC, Composed, log_density
from wavesynth.models.frame_flow_config import (
    AHEAD,
    LEAST_LAG,
    MEL_CONTEXT,
    PERIOD,
    TEMPLATE,
    FrameFlowConfig,
)
from wavesynth.models.wavenet import ago, layer, uniform

__all__ = ["CouplingNetwork", "FrameFlow", "FrameFlowConfig", "compress", "interpolated", "predictor"]

#: The least power of a sample, so that no gain is zero.
_LEAST_POWER = 1e-9
#: The bound of the logarithm of the affine layer's scale.
_LOG_SCALE = 8.0
#: What the bound of a coupling's is at first.
_COUPLING_LIMIT = 2.0
#: The largest reflection coefficient.
_REFLECTION = 0.995


def predictor(reflection: Tensor) -> Tensor:
    """The prediction filter a of reflection coefficients [..., P] within ±1, by the step-up recursion: [..., P].

    e[t] = x[t] + a[0] x[t-1] + a[1] x[t-2] + ... (Markel and Gray, "Linear Prediction of Speech", 1976, sec. 5).
    """
    a = reflection[..., :1]
    for i in range(1, reflection.shape[-1]):
        k = reflection[..., i : i + 1]
        a = torch.cat([a + k * a.flip(-1), k], -1)
    return a


def at_least_single(x: Tensor) -> Tensor:
    """What autocast made bfloat16, as float32: filters, scales and densities need it."""
    return x if x.dtype == torch.float64 else x.float()


def compress(x: Tensor) -> Tensor:
    """x for small x, and at most ±8: what the network hears of samples, which may be much louder than the gain."""
    return x / (1 + x.abs() / 8)


def interpolated(frames: Tensor, blocks_per_hop: int) -> Tensor:
    """Frames [B, F + 2, C], at the middle of each block of all but the first and the last: [B, F * J, C]."""
    place = (torch.arange(blocks_per_hop, device=frames.device) + 0.5) / blocks_per_hop - 0.5  # [J]
    before, now, after = (frames[:, i : frames.shape[1] - 2 + i, None] for i in range(3))
    towards = place[:, None].to(frames.dtype)
    other = torch.where(towards < 0, before, after)
    return (now + towards.abs() * (other - now)).flatten(1, 2)


@torch.no_grad()
def periods(samples: Tensor, config: FrameFlowConfig) -> tuple[Tensor, Tensor]:
    """The lag at which the TEMPLATE samples before each block are most like earlier ones, int64 [B, N], and their
    normalised correlation there: long-term prediction, as speech codecs have it (Schroeder and Atal, "CELP", 1985).
    """
    longest, lags = config.longest, config.lags
    window = F.pad(samples, (longest, 0))[:, : -config.block].unfold(
        1, longest, config.block
    )  # [B, N, longest]
    template = window[..., -TEMPLATE:]
    size = 1 << (longest - 1).bit_length()
    spectra = torch.fft.rfft(template, size).conj() * torch.fft.rfft(window, size)
    products = torch.fft.irfft(spectra, size)[..., :lags]  # of the longest lag first
    squares = F.pad(window.square().cumsum(-1), (1, 0))
    energy = squares[..., TEMPLATE : TEMPLATE + lags] - squares[..., :lags]
    alike = products / torch.sqrt(energy.clamp(min=0) + _LEAST_POWER)
    best = alike.argmax(-1)
    own = squares[..., -1] - squares[..., -1 - TEMPLATE]
    correlation = alike.gather(-1, best.unsqueeze(-1))[..., 0] / torch.sqrt(own.clamp(min=0) + _LEAST_POWER)
    return LEAST_LAG + lags - 1 - best, correlation


class CouplingNetwork(nn.Module):
    """The logarithm of the scale and the shift of half a block, [M, n], by the other half and a context [M, S]."""

    def __init__(self, config: FrameFlowConfig) -> None:
        super().__init__()
        half, hidden = config.block // 2, config.coupling_channels
        self.context = nn.Linear(config.skip, hidden)
        self.kept = nn.Linear(half, hidden, bias=False)
        self.output = nn.Linear(hidden, 2 * half)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, kept: Tensor, condition: Tensor) -> Tensor:
        """Of what is kept, [M, n / 2]."""
        hidden = F.relu(self.context(condition) + self.kept(kept))
        out: Tensor = self.output(hidden)
        return out


def couplings(config: FrameFlowConfig) -> Composed:
    """Coupling number 0 moves the second half of a block, number 1 the first, 2 the odd samples, 3 the even, and so
    on."""
    n = config.block
    partitions: list[Partition] = [Halves(n), Halves(n, True), Interleaved(n), Interleaved(n, True)]
    return Composed(
        AffineCoupling(partitions[i % 4], CouplingNetwork(config), n // 2, _COUPLING_LIMIT)
        for i in range(config.couplings)
    )


class FrameFlow(nn.Module):
    """A frame flow that computes the density of all blocks of known audio in parallel.

    >>> model = FrameFlow(FrameFlowConfig(residual=16, skip=16))
    >>> samples, mel = torch.zeros(1, 320), torch.zeros(1, 2 + 2 * 3, 80)  # 2 frames and their context
    >>> model(samples, mel).shape  # nats of each block, of 16 samples
    torch.Size([1, 20])
    """

    def __init__(self, config: FrameFlowConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or FrameFlowConfig()
        self.gain = nn.Parameter(_gain(c))
        self.mel_hidden = nn.Conv1d(c.mel_bands, c.mel_channels, 5)
        self.mel_output = nn.Linear(c.mel_channels, c.mel_channels)
        self.reflection = nn.Linear(c.mel_channels, c.order)
        self.entry = nn.Linear(c.mel_channels, c.residual)
        self.frames = nn.Linear(c.mel_channels, c.layers * 2 * c.residual)
        if c.inputs:
            self.input = nn.Linear(c.inputs, c.residual, bias=False)
        self.dilated = nn.Parameter(uniform(c.layers, 2 * c.residual, 2 * c.residual))
        self.residual = nn.Parameter(uniform(c.layers, c.residual, c.residual))
        self.residual_bias = nn.Parameter(torch.zeros(c.layers, c.residual))
        self.skip = nn.Linear(c.layers * c.residual, c.skip)
        self.hidden = nn.Linear(c.skip, c.skip)
        self.affine = nn.Linear(c.skip, 2 * c.block)
        self.couplings = couplings(c)
        for linear in (self.reflection, self.affine):
            nn.init.zeros_(linear.bias)
            linear.weight.data *= 0.1

    def conditioning(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What log-mel frames [B, F + 2 * MEL_CONTEXT, bands] say: the gain of each block [B, F * J, 1], the prediction
        filter of each frame [B, F, P], what enters the first layer at each block [B, F * J, R], and what each frame
        adds before the layers' gates [B, F, L, 2R]."""
        c = self.config
        if mel.dim() != 3 or mel.shape[2] != c.mel_bands or mel.shape[1] <= 2 * MEL_CONTEXT:
            raise ValueError(
                f"mel has shape {list(mel.shape)}; it must be [B, F + {2 * MEL_CONTEXT}, {c.mel_bands}], F >= 1"
            )
        hidden = F.relu(self.mel_hidden(mel.transpose(1, 2))).transpose(1, 2)
        hidden = F.relu(self.mel_output(hidden))  # [B, F + 2, C]
        power = torch.exp(self.gain + math.log(10) * (2 * at_least_single(mel[:, 2:-2]) - 2)).sum(
            -1, keepdim=True
        )
        log_gain = 0.5 * torch.log(power + _LEAST_POWER)
        a = predictor(_REFLECTION * torch.tanh(at_least_single(self.reflection(hidden[:, 1:-1]))))
        entry = interpolated(self.entry(hidden), c.blocks_per_hop)
        frames = self.frames(hidden[:, 1:-1]).unflatten(-1, (c.layers, 2 * c.residual))
        return torch.exp(interpolated(log_gain, c.blocks_per_hop)), a, entry, frames

    def context(self, past: Tensor | None, entry: Tensor, frames: Tensor) -> Tensor:
        """The context h of each block [B, N, S], of what is heard of the samples before it [B, N, 2 * past]."""
        c = self.config
        x = entry if past is None else entry + self.input(past)
        activations = []
        stacked = (frames.unbind(2), self.dilated, self.residual, self.residual_bias)
        for dilation, held, *weights in zip(c.dilations, *stacked, strict=True):
            added, z = layer(ago(x, dilation), x, held.unsqueeze(2), *weights)
            x = x + added
            activations.append(z)
        return self.head(torch.cat(activations, -1))

    def head(self, activations: Tensor) -> Tensor:
        """The context [..., S] of the gated activations of all layers, [..., L * R]."""
        return F.relu(self.hidden(F.relu(self.skip(activations))))

    def scaling(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the logarithm of the scale of a block's excitation, over the gain: [..., n] each."""
        mean, raw = at_least_single(self.affine(context)).chunk(2, -1)
        return mean, _LOG_SCALE * torch.tanh(raw / _LOG_SCALE)

    def excitation(self, samples: Tensor, a: Tensor) -> Tensor:
        """What the prediction of samples [B, F * hop] by the filters a [B, F, P] leaves: [B, F * hop]."""
        order, hop = self.config.order, self.config.hop
        frames = F.pad(samples, (order, 0)).unfold(1, order + hop, hop)  # [B, F, P + hop]
        before = frames.unfold(2, order, 1)[:, :, :-1]  # [B, F, hop, P], the oldest first
        # In float32 whatever autocast says: in bfloat16 the error of the prediction would be that of the density.
        with torch.autocast(samples.device.type, enabled=False):
            predicted = (before @ a.flip(-1).unsqueeze(-1))[..., 0]
        return (samples.unflatten(1, (-1, hop)) + predicted).flatten(1)

    def heard(self, e: Tensor, samples: Tensor, gain: Tensor, noise: float) -> Tensor:
        """What the first layer is given of excitation and samples [B, T] before each block: [B, N, inputs]."""
        c = self.config
        signals = [F.pad(signal, (c.past, 0))[:, : -c.block] for signal in (e, samples)]
        parts = [signal.unfold(1, c.past, c.block) for signal in signals] if c.past else []
        if c.lags:
            lag, correlation = periods(samples, c)
            place = torch.arange(0, samples.shape[1], c.block, device=lag.device) + LEAST_LAG + c.lags - lag
            place = place.unsqueeze(-1) + torch.arange(
                PERIOD, device=lag.device
            )  # [B, N, PERIOD], in what is padded
            for signal in (e, samples):
                padded = F.pad(signal, (LEAST_LAG + c.lags + AHEAD, 0))
                parts.append(padded.gather(1, place.flatten(1)).view_as(place))
        past = torch.cat(parts, -1) / gain
        if noise:
            past = past + noise * torch.rand_like(past[:, :1, :1]) * torch.randn_like(past)
        past = compress(past)
        return torch.cat([past, correlation.unsqueeze(-1)], -1) if c.lags else past

    def latent(self, samples: Tensor, mel: Tensor, noise: float = 0.0) -> tuple[Tensor, Tensor]:
        """The latent z [B, N, n] of pre-emphasised samples [B, F * hop], and each block's log-determinant, [B, N].

        `noise` is the largest standard deviation, over the gain, of what is added to what the network hears of the
        past: each example has its own, from 0 on.
        """
        c = self.config
        gain, a, entry, frames = self.conditioning(mel)
        e = self.excitation(samples, a)
        past = self.heard(e, samples, gain, noise) if c.inputs else None
        context = self.context(past, entry, frames)
        mean, log_scale = self.scaling(context)
        block = (e.unflatten(1, (-1, c.block)) / gain - mean) * torch.exp(-log_scale)
        log_determinant = -log_scale.sum(-1) - c.block * torch.log(gain[..., 0])
        latent, of_couplings = self.couplings(block.flatten(0, 1), context.flatten(0, 1))
        return latent.view_as(block), log_determinant + of_couplings.view_as(log_determinant)

    def forward(self, samples: Tensor, mel: Tensor, noise: float = 0.0) -> Tensor:
        """The nats that each block costs, -log p(x), [B, N]: the density of `samples` [B, F * hop], pre-emphasised."""
        z, log_determinant = self.latent(samples, mel, noise)
        return -log_density(STANDARD_LOGISTIC, z, log_determinant)


def _gain(config: FrameFlowConfig) -> Tensor:
    """The logarithm of what each band adds to the power of a pre-emphasised sample, roughly: learned from there."""
    tilt = torch.linspace(math.log(0.03), math.log(3.4), config.mel_bands)
    return tilt - math.log(512 * 300.0)
