"""What excites a voice, heard from its log-mel: the network of a harmonic-plus-noise voice.

A voice is harmonics of a fundamental frequency and noise, both shaped by the spectrum (Stylianou, "Applying the
harmonic plus noise model in concatenative speech synthesis", 2001). The log-mel has the spectrum already. What it has
of the fundamental frequency are ripples in its lower bands, and how noisy a part of the spectrum is shows in its
texture. The network says both of each frame; harmonics and noise are then summed without a network
(kernels/cpu/harmonic.hpp). So nothing of it is of one speaker.

    hidden = relu(W · (mel[f - 4], ..., mel[f + 2]))     twice, of the frames around frame f
    voiced, pitch, noise = V · hidden                    logits of f: of one value, of one of `pitches`, of each band
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.harmonic_config import CONTEXT, HarmonicConfig

__all__ = ["Excitation", "Harmonic", "HarmonicConfig"]


class Excitation(NamedTuple):
    """What frames are, or what the network says of them."""

    voiced: Tensor
    """[B, F]: 1 if the frame is voiced; of the network the logit of that."""
    pitch: Tensor
    """[B, F]: which of the pitches, between two of them; of the network their logits, [B, F, pitches]."""
    noise: Tensor
    """[B, F, noises]: the share of each band's amplitude that is noise, from 0 to 1; of the network logits."""


class Harmonic(nn.Module):
    """The network.

    >>> harmonic = Harmonic(HarmonicConfig(mel_bands=8, channels=16))
    >>> harmonic(torch.zeros(1, 20 + 2 * CONTEXT, 8)).pitch.shape  # of 20 frames, of which each sees 3 on each side
    torch.Size([1, 20, 82])
    """

    def __init__(self, config: HarmonicConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or HarmonicConfig()
        widths = [c.inputs, *[c.channels] * c.layers, c.outputs]
        self.dense = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(widths))

    def forward(self, mel: Tensor) -> Excitation:
        """What the frame after each is, of log-mel [B, CONTEXT + F + CONTEXT, bands]."""
        hidden = mel.unfold(1, 1 + 2 * CONTEXT, 1).transpose(2, 3).flatten(2)
        for layer in self.dense[:-1]:
            hidden = F.relu(layer(hidden))
        said = self.dense[-1](hidden)
        return Excitation(
            said[..., 0], said[..., 1 : 1 + self.config.pitches], said[..., 1 + self.config.pitches :]
        )

    def nats(self, mel: Tensor, true: Excitation) -> Tensor:
        """What the network pays for what each frame is, `true`, in nats, [B, F]; `mel` as in `forward`. The pitch of a
        frame that is not voiced costs nothing, and neither does how noisy it is."""
        said = self(mel)
        voiced = F.binary_cross_entropy_with_logits(said.voiced, true.voiced, reduction="none")
        near = torch.arange(self.config.pitches, device=mel.device) - true.pitch[..., None]
        target = torch.softmax(-0.5 * near**2, -1)  # a normal distribution of one pitch's deviation
        pitch = -(target * torch.log_softmax(said.pitch, -1)).sum(-1)
        noise = F.binary_cross_entropy_with_logits(said.noise, true.noise, reduction="none").sum(-1)
        return voiced + true.voiced * (pitch + noise)
