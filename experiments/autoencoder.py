"""A variational autoencoder for images (Kingma and Welling, "Auto-Encoding Variational Bayes", 2014).

The fourth of the lecture's families, to stand beside the others in `experiments.families`. It isn't part of the
package: nothing serves it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.pixels import Head

__all__ = ["Autoencoder"]


class Autoencoder(nn.Module):
    """p(x) = ∫ p(x | z) N(z; 0, I) dz, with a network for p(x | z) and another for q(z | x).

    Every value of x has a mixture of five discretised logistics given z, so its nats are those of 256 levels, as a
    PixelCNN's are. The integral has no closed form: `bound` is never above ln p(x).
    """

    def __init__(self, side: int = 28, latent: int = 32, features: int = 32) -> None:
        super().__init__()
        if side % 4:
            raise ValueError(f"side is {side}; it must be a multiple of 4")
        self.head = Head(256, mixture=5)
        self.latent = latent
        small = side // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, features, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(features, 2 * features, 4, 2, 1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * features * small**2, 256),
            nn.SiLU(),
            nn.Linear(256, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 256),
            nn.SiLU(),
            nn.Linear(256, 2 * features * small**2),
            nn.SiLU(),
            nn.Unflatten(1, (2 * features, small, small)),
            nn.ConvTranspose2d(2 * features, features, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(features, features, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(features, self.head.size, 3, padding=1),
        )

    def bound(self, pixels: Tensor, generator: torch.Generator, draws: int = 1) -> Tensor:
        """A lower bound of ln p in nats, [B], for pixels from 0 to 255 [B, H, W].

        With one draw it is the evidence lower bound. With more it is the tighter one of importance weighting (Burda
        et al., "Importance Weighted Autoencoders", 2016, eq. 8), which tends to ln p.
        """
        mean, log_scale = self.encoder(pixels[:, None] / 127.5 - 1.0).chunk(2, 1)
        noise = torch.randn(draws, *mean.shape, generator=generator)
        z = mean + log_scale.exp() * noise
        prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
        posterior = (-0.5 * (noise**2 + math.log(2 * math.pi)) - log_scale).sum(-1)
        params = self.decoder(z.flatten(0, 1)).permute(0, 2, 3, 1)
        values = pixels.long().repeat(draws, 1, 1)
        given = -self.head.nll(params, values).sum((1, 2)).view(draws, -1)
        return torch.logsumexp(given + prior - posterior, 0) - math.log(draws)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Images, uint8 [count, H, W]: z from the prior, then every value from p(x | z)."""
        params = self.decoder(torch.randn(count, self.latent, generator=generator)).permute(0, 2, 3, 1)
        # As the head reads them.
        weights, means, log_scales = params.unflatten(-1, (3, self.head.mixture)).unbind(-2)
        flat = torch.multinomial(F.softmax(weights, -1).flatten(0, -2), 1, generator=generator)
        component = flat.view(*weights.shape[:-1], 1)
        mean, log_scale = means.gather(-1, component)[..., 0], log_scales.gather(-1, component)[..., 0]
        share = torch.rand(mean.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
        drawn = mean + log_scale.clamp(min=-7.0).exp() * torch.logit(share)
        return ((drawn + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
