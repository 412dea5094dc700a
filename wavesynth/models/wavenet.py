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

Everything is laid out [batch, time, channels], so that each product is one matrix product; and the
skip connections of all layers are one product over the concatenated z.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.wavenet_config import WaveNetConfig, start_token

__all__ = ["WaveNet", "WaveNetConfig", "gate", "layer", "start_token"]


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
    already holds the layer's bias. `dilated` is [2R, 2R] with columns (past, now). Returns the next
    layer's input [..., R] and the gated activations z [..., R], which feed the skip connections. With
    `inverse_scales` [2, R] what the products read, first the input and then z, is `rounded`.
    """
    inputs = torch.cat([past, x], -1)
    h = F.linear(inputs if inverse_scales is None else rounded(inputs, inverse_scales[0].repeat(2)), dilated)
    if conditioning.dim() == h.dim() + 1:  # frames [B, F, 1, 2R]: held within the frame, not expanded
        h = (h.unflatten(1, (conditioning.shape[1], -1)) + conditioning).flatten(1, 2)
    else:
        h = h + conditioning
    z = gate(h) if inverse_scales is None else rounded(gate(h), inverse_scales[1])
    return x + F.linear(z, residual, residual_bias), z


class WaveNet(nn.Module):
    """A WaveNet that computes all positions of a known waveform in parallel (training, likelihood).

    Sampling is `wavesynth.sampling.reference`, which calls the same `layer` and `head`.

    >>> model = WaveNet(WaveNetConfig(stacks=1, layers_per_stack=2, residual=16, skip=16, hop=4, mel_bands=8))
    >>> conditioning = model.conditioning(torch.zeros(1, 3 + 2 * 3, 8))  # 3 frames and their context
    >>> model(torch.zeros(1, 12, dtype=torch.long), conditioning).shape
    torch.Size([1, 12, 256])
    """

    def __init__(self, config: WaveNetConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or WaveNetConfig()
        self.embedding = nn.Embedding(c.classes, c.residual)
        self.dilated = nn.Parameter(_uniform(c.layers, 2 * c.residual, 2 * c.residual))
        self.residual = nn.Parameter(_uniform(c.layers, c.residual, c.residual))
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
        activations = []
        stacked = zip(
            c.dilations,
            conditioning.unbind(2),
            self.dilated.unbind(0),
            self.residual.unbind(0),
            self.residual_bias.unbind(0),
            [None] * c.layers if inverse_scales is None else inverse_scales.unbind(0),
            strict=True,
        )
        for dilation, frames, *weights in stacked:
            past = F.pad(x, (0, 0, dilation, 0))[:, : x.shape[1]]  # [B, T, R], one dilation ago
            x, z = layer(past, x, frames.unsqueeze(2), *weights)
            activations.append(z)
        return self.head(torch.cat(activations, -1))

    def head(self, activations: Tensor) -> Tensor:
        """Logits [..., A] from the gated activations of all layers, [..., L * R]."""
        return self.output(F.relu(self.hidden(F.relu(self.skip(activations)))))


def _uniform(*shape: int) -> Tensor:
    """Uniform weights within 1/√fan-in, as nn.Linear has them."""
    return torch.empty(*shape).uniform_(-1, 1) * shape[-1] ** -0.5
