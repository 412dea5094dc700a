"""The kinds nice and realnvp: flows, which make a whole image at once of a latent, and know the latent of an image.

Dinh et al., "NICE", 2014, and "Density estimation using Real NVP", 2016. An image's latent is drawn by its seed:
value i of it is a quantile of the prior at the random number i of that seed, times the temperature (Kingma and
Dhariwal, "Glow", 2018, sec. 6). So an image does not depend on the others in its batch, but for the last bits of
float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wavesynth.checks import require_value
from wavesynth.images.kinds import ImageKind
from wavesynth.models.image_flows_config import NICEConfig, RealNVPConfig
from wavesynth.models.images_config import ImageShape
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import uniforms

if TYPE_CHECKING:
    from torch import Tensor

    from wavesynth.models.image_flows import ImageFlow

__all__ = ["FlowKind", "NICEKind", "RealNVPKind", "dequantised", "drawn_latents"]


class FlowKind(ImageKind):
    """What both have. Neither can complete an image: all of its values are made at once."""

    paints_by_rows = False
    has_latents = True
    measured_as = ", each with uniform noise up to the next level: a bound"
    recipe = "wavesynth.training.image_flows:FlowRecipe"

    def weight_shapes(self, config: ImageShape) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()

    def nll(self, network: ImageFlow, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """With noise that is drawn by the image itself, so that its figure is always the same."""
        return network.nll(dequantised(pixels), labels)

    def rows(
        self,
        network: ImageFlow,
        params: Sequence[SamplingParams],
        labels: Tensor | None = None,
        known: Tensor | None = None,
        pixels: int = 0,
    ) -> Iterator[Tensor]:
        """All rows, when the images are made."""
        from wavesynth.images.sampling import check_labels

        if not params:
            raise ValueError("there are 0 images to make; there must be at least one")
        require_value(
            "pixels", pixels, pixels == 0, "0: a flow makes an image at once and cannot complete one"
        )
        check_labels(network, labels, len(params))
        return _rows(network, params, labels)


class NICEKind(FlowKind):
    """Additive couplings of perceptrons."""

    name = "nice"
    config = NICEConfig
    network = "wavesynth.models.nice:NICE"

    def summary(self, config: NICEConfig) -> str:
        """Its couplings."""
        return (
            f"NICE, {config.couplings} additive couplings of {config.layers} hidden layers of {config.features}, "
            "logistic prior"
        )


class RealNVPKind(FlowKind):
    """Affine couplings of residual networks, at several scales."""

    name = "realnvp"
    config = RealNVPConfig
    network = "wavesynth.models.realnvp:RealNVP"

    def summary(self, config: RealNVPConfig) -> str:
        """Its scales."""
        return (
            f"RealNVP, {config.scales} scales, {config.blocks} residual blocks of {config.features} features and more, "
            "normal prior"
        )


def _rows(network: ImageFlow, params: Sequence[SamplingParams], labels: Tensor | None) -> Iterator[Tensor]:
    import torch

    with torch.inference_mode():
        images = network.decode(drawn_latents(network, params), labels)
    yield from images.unbind(1)


def drawn_latents(network: ImageFlow, params: Sequence[SamplingParams]) -> Tensor:
    """The latents of new images, [B, D]."""
    import torch

    shares = np.stack([uniforms(p.seed, 0, network.config.dimensions) for p in params])
    temperatures = torch.tensor([[p.temperature] for p in params])
    return network.prior.quantile(torch.from_numpy(shares)) * temperatures


def dequantised(pixels: Tensor) -> Tensor:
    """Levels [B, H, W, C] with noise from 0 to 1, float32, each image's by a seed that is a hash of the image.

    >>> import torch
    >>> one, same = dequantised(torch.zeros(2, 1, 1, 1, dtype=torch.long))
    >>> bool(one == same)
    True
    """
    import torch

    def noise(image: Any) -> Any:
        seed = hashlib.blake2b(image.astype(np.uint8).tobytes(), digest_size=8).digest()
        return uniforms(int.from_bytes(seed, "little"), 0, image.size).reshape(image.shape)

    return pixels.float() + torch.from_numpy(np.stack([noise(image) for image in pixels.numpy()]))
