"""WaveNet: a causal dilated convolution network over μ-law classes.

van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016. The joint probability of a
waveform is factorised over its samples (eq. 1); each conditional is a softmax over 256 μ-law classes
(sec. 2.2) computed by a stack of gated, dilated, kernel-2 causal convolutions (eq. 2), conditioned
locally on log-mel frames and globally on a speaker (eq. 3).

    x[0] = embedding(token[t-1])
    h[l] = W[l] · (x[l][t - d[l]], x[l][t]) + conditioning[l]        dilation d[l] = 1, 2, ..., 512, 1, ...
    z[l] = tanh(h[l][:R]) * sigmoid(h[l][R:])
    x[l+1] = x[l] + W_residual[l] · z[l] + b_residual[l]
    logits = W_2 · relu(W_1 · relu(W_skip · (z[0], ..., z[L-1]) + b_skip) + b_1) + b_2

A reversible network is the same but for one index: x[l+1] = x[l-1] + ..., where x[-1] = x[0]. Two layers in a row are
then the block of wavesynth.models.reversible, with causal F and G: x[l-1] and x[l] are its streams, and training keeps
no activations, however many layers there are.

Everything is laid out [batch, time, channels], so that each product is one matrix product; and the
skip connections of all layers are one product over the concatenated z.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.reversible import Step, couple
from wavesynth.models.wavenet_config import WaveNetConfig, start_token

__all__ = ["WaveNet", "WaveNetConfig", "ago", "gate", "layer", "start_token", "uniform"]


def gate(h: Tensor) -> Tensor:
    """The gated activation unit, tanh(h[..., :R]) · σ(h[..., R:]): [..., 2R] → [..., R] (eq. 2)."""
    filtered, gated = h.chunk(2, -1)
    return torch.tanh(filtered) * torch.sigmoid(gated)


def rounded(x: Tensor, inverse_scale: Tensor) -> Tensor:
    """`x` as a signed 8-bit integer divided by `inverse_scale` holds it; the gradient is that of `x` itself.

    Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013, sec. 4: straight through.
    """
    held = torch.round(x * inverse_scale).clamp(-128, 127) / inverse_scale
    return x + (held - x).detach()


def layer(
    past: Tensor,
    x: Tensor,
    conditioning: Tensor,
    dilated: Tensor,
    residual: Tensor,
    residual_bias: Tensor,
    inverse_scales: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One residual layer at any number of positions (fig. 4); its arithmetic stands only here.

    `past` and `x` are the layer's input one dilation ago and now, [..., R]; `conditioning` [..., 2R]
    already holds the layer's bias. `dilated` is [2R, 2R] with columns (past, now). Returns what the layer adds to the
    residual stream [..., R] and the gated activations z [..., R], which feed the skip connections. With
    `inverse_scales` [2, R] what the products read, first the input and then z, is `rounded`.
    """
    inputs = torch.cat([past, x], -1)
    h = F.linear(inputs if inverse_scales is None else rounded(inputs, inverse_scales[0].repeat(2)), dilated)
    if conditioning.dim() == h.dim() + 1:  # frames [B, F, 1, 2R]: held within the frame, not expanded
        h = (h.unflatten(1, (conditioning.shape[1], -1)) + conditioning).flatten(1, 2)
    else:
        h = h + conditioning
    z = gate(h) if inverse_scales is None else rounded(gate(h), inverse_scales[1])
    return F.linear(z, residual, residual_bias), z


class WaveNet(nn.Module):
    """A WaveNet that computes all positions of a known waveform in parallel (training, likelihood).

    Sampling is `wavesynth.sampling.reference`, which calls the same `layer` and `head`.

    >>> model = WaveNet(WaveNetConfig(stacks=1, layers_per_stack=2, residual=16, skip=16, hop=4, mel_bands=8))
    >>> conditioning = model.conditioning(torch.zeros(1, 3 + 2 * 3, 8))  # 3 frames and their context
    >>> model(torch.zeros(1, 12, dtype=torch.long), conditioning).shape
    torch.Size([1, 12, 256])

    With `stored` training keeps all activations of a reversible network too: the same results, to compare.
    """

    def __init__(self, config: WaveNetConfig | None = None, *, stored: bool = False) -> None:
        super().__init__()
        self.stored = stored
        self.config = c = config or WaveNetConfig()
        self.embedding = nn.Embedding(c.classes, c.residual)
        self.dilated = nn.Parameter(uniform(c.layers, 2 * c.residual, 2 * c.residual))
        self.residual = nn.Parameter(uniform(c.layers, c.residual, c.residual))
        self.residual_bias = nn.Parameter(torch.zeros(c.layers, c.residual))
        self.skip = nn.Linear(c.layers * c.residual, c.skip)
        self.hidden = nn.Linear(c.skip, c.classes)
        self.output = nn.Linear(c.classes, c.classes)
        self.bias = nn.Parameter(torch.zeros(c.layers * 2 * c.residual))
        if c.mel_bands:
            self.mel_hidden = nn.Conv1d(c.mel_bands, c.mel_channels, 5)
            self.mel_smooth = nn.Conv1d(c.mel_channels, c.mel_channels, 3)
            self.mel_output = nn.Linear(c.mel_channels, c.layers * 2 * c.residual, bias=False)
        if c.speakers:
            self.speaker = nn.Embedding(c.speakers, c.layers * 2 * c.residual)
            nn.init.normal_(self.speaker.weight, std=0.01)

    def conditioning(
        self, mel: Tensor | None = None, speaker: Tensor | None = None, frames: int = 1
    ) -> Tensor:
        """The conditioning network: what each frame adds before each layer's gate, [B, F, L, 2R].

        `mel` is [B, F + 2 * mel_context, mel_bands]: the F frames and their neighbours on each side (beyond
        a recording's ends, silence). `speaker` is [B]. Without `mel` the same frame is given `frames` times.
        It is a function of one window of 1 + 2 * mel_context frames, so any chunking gives the same frames.
        """
        c = self.config
        if bool(c.mel_bands) != (mel is not None):
            raise ValueError(
                f"mel is {'missing' if mel is None else 'given'}, but mel_bands is {c.mel_bands}"
            )
        if bool(c.speakers) != (speaker is not None):
            raise ValueError(
                f"speaker is {'missing' if speaker is None else 'given'}, but speakers is {c.speakers}"
            )
        out: Tensor = self.bias
        if mel is not None:
            if mel.dim() != 3 or mel.shape[2] != c.mel_bands or mel.shape[1] <= 2 * c.mel_context:
                raise ValueError(
                    f"mel has shape {list(mel.shape)}; it must be [B, F + {2 * c.mel_context}, {c.mel_bands}], F >= 1"
                )
            hidden = F.relu(self.mel_smooth(F.relu(self.mel_hidden(mel.transpose(1, 2)))))
            out = out + self.mel_output(hidden.transpose(1, 2))  # [B, F, L * 2R]
        if speaker is not None:
            out = out + self.speaker(speaker)[:, None]  # [B, 1 or F, L * 2R]
        if mel is None:
            out = out.expand(speaker.shape[0] if speaker is not None else 1, frames, -1)
        return out.unflatten(-1, (c.layers, 2 * c.residual))

    def forward(self, tokens: Tensor, conditioning: Tensor, inverse_scales: Tensor | None = None) -> Tensor:
        """Logits [B, T, A] of every sample given those before it.

        `tokens` [B, T] are the samples one step late (the start token first), `conditioning` [B, F, L, 2R] with
        T = F * hop. Before the first sample every layer's input is zero. `inverse_scales` [L, 2, R] are `layer`'s.
        """
        c = self.config
        if tokens.shape[1] != conditioning.shape[1] * c.hop:
            raise ValueError(
                f"tokens has {tokens.shape[1]} samples, but {conditioning.shape[1]} conditioning frames "
                f"of {c.hop} samples make {conditioning.shape[1] * c.hop}"
            )
        x = self.embedding(tokens)
        stacked: list[Tensor] = [self.dilated, self.residual, self.residual_bias]
        if inverse_scales is not None:
            stacked.append(inverse_scales)
        frames = conditioning.unsqueeze(3).unbind(2)
        layers = zip(frames, *(weights.unbind(0) for weights in stacked), strict=True)
        if c.reversible:
            # Its share of the skip connections is added to their sum as soon as each layer has it.
            skips = self.skip.weight.split(c.residual, 1)
            steps = [
                Step(partial(_step, dilation), (skip, *weights))
                for dilation, skip, weights in zip(c.dilations, skips, layers, strict=True)
            ]
            total = couple(steps, x, x, stored=self.stored)[2]
            return self._logits(total + self.skip.bias)
        activations = []
        for dilation, weights in zip(c.dilations, layers, strict=True):
            added, z = layer(ago(x, dilation), x, *weights)
            x = x + added
            activations.append(z)
        return self.head(torch.cat(activations, -1))

    def head(self, activations: Tensor) -> Tensor:
        """Logits [..., A] from the gated activations of all layers, [..., L * R]."""
        return self._logits(self.skip(activations))

    def _logits(self, skips: Tensor) -> Tensor:
        return self.output(F.relu(self.hidden(F.relu(skips))))


def ago(x: Tensor, dilation: int) -> Tensor:
    """What `x` [B, T, R] was `dilation` samples before each: zeros at first."""
    return F.pad(x, (0, 0, dilation, 0))[:, : x.shape[1]]


def _step(dilation: int, x: Tensor, skip: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """What a layer of a reversible network adds to the other stream, and to the sum of the skip connections."""
    added, z = layer(ago(x, dilation), x, *weights)
    return added, F.linear(z, skip)


def uniform(*shape: int) -> Tensor:
    """Uniform weights within 1/√fan-in, as nn.Linear has them."""
    return torch.empty(*shape).uniform_(-1, 1) * shape[-1] ** -0.5
