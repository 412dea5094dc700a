"""A critic of log-mel: it learns to tell predicted frames from recorded ones, and a text network learns to please it.

A distance to the recording alone makes a network predict the mean of all that could be said: log-mel that is smoother
than any recording's. A critic knows such log-mel at once. So a text network learns from both, as in GANSpeech (Yang et
al., 2021): the distance says what is spoken, the critic how log-mel looks. Both losses are those of least squares (Mao
et al., "Least Squares Generative Adversarial Networks", 2017), with feature matching (Kumar et al., "MelGAN", 2019).
The critic is there in training only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from wavesynth.models.text_to_mel import TextConfig, TextToMel

__all__ = ["CriticisedTextToMel", "MelCritic", "adversarial_losses", "without_critic"]

#: Channels of the critic's layers. Each halves bands and frames, so the last one sees 63 bands and frames.
_CHANNELS = (24, 48, 64, 64)
_SLOPE = 0.2
_PREFIX = "critic."


class MelCritic(nn.Module):
    """Convolutions over bands and frames."""

    def __init__(self, channels: Sequence[int] = _CHANNELS) -> None:
        super().__init__()
        pairs = zip((1, *channels), channels, strict=False)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 5, stride=2, padding=2) for a, b in pairs)
        self.verdict = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, mel: Tensor) -> list[Tensor]:
        """What each layer finds in normalised log-mel [B, F, bands], [B, channels, frames, bands]; the verdicts, 1 for
        recorded and 0 for predicted, come last."""
        x, found = mel[:, None], []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            found.append(x)
        return [*found, self.verdict(x)]


class CriticisedTextToMel(TextToMel):
    """A text network with its critic, which the loop trains together."""

    def __init__(self, config: TextConfig | None = None) -> None:
        super().__init__(config)
        self.critic = MelCritic()


def without_critic(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the text network alone."""
    return {name: tensor for name, tensor in weights.items() if not name.startswith(_PREFIX)}


def adversarial_losses(critic: MelCritic, made: Tensor, recorded: Tensor) -> tuple[Tensor, Tensor]:
    """What the critic pays for its errors, and what the network pays for being found out, each a mean over the batch.

    `made` and `recorded` are normalised log-mel [B, F, bands] of the same words. The first has gradients for the critic
    only, the second for the network only, so both can be minimised in one step.
    """
    *seen, real = critic(recorded)
    false = critic(made.detach())[-1]
    errors = (real.float() - 1).square().mean() + false.float().square().mean()
    fixed = {name: value.detach() for name, value in critic.named_parameters()}
    *matched, taken = functional_call(critic, fixed, (made,))
    apart = [
        (ours.float() - its.detach().float()).abs().mean() for ours, its in zip(matched, seen, strict=True)
    ]
    return errors, (taken.float() - 1).square().mean() + torch.stack(apart).sum()
