"""What a flow's latents are good for: ways from an image to another one, and to more or less of an attribute.

z = encode(network, images)                      [B, D]; decode(network, z) are the images again
strip = path(z[0], z[1], 9)                      nine latents from one image to the other
smile = attribute(network, images, wanted)       add some of it to an image's latent
"""

from __future__ import annotations

import torch
from torch import Tensor

from wavesynth.checks import require_value
from wavesynth.images.model import ImageModel
from wavesynth.kinds import kind_of, kinds
from wavesynth.models.image_flows import ImageFlow

__all__ = ["along", "attribute_of", "decode", "encode", "network_with_latents", "path"]

#: Images that are encoded at once.
_BATCH = 100
#: Angle between latents, in radians, below which they are mixed in a straight line.
_SMALL = 1e-3


@torch.inference_mode()
def encode(network: ImageFlow, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """The latents [B, D] of images, levels [B, H, W, C], of which `decode` makes the same images again.

    A level counts as the middle between itself and the next one. Raises ValueError for another shape.
    """
    values = images.float() + 0.5
    classes = [None] * len(values) if labels is None else labels.split(_BATCH)
    parts = zip(values.split(_BATCH), classes, strict=False)
    return torch.cat([network.encode(some, their)[0] for some, their in parts])


@torch.inference_mode()
def decode(network: ImageFlow, z: Tensor, labels: Tensor | None = None) -> Tensor:
    """Levels, int64 [B, H, W, C], of latents [B, D]. Raises ValueError for latents of another shape."""
    return network.decode(z, labels)


def path(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """`steps` latents [steps, D] from `start` [D] to `end` [D], both included.

    The way is an arc and not a straight line, on which latents would be shorter than those of images are (Dinh et al.,
    "RealNVP", 2016, eq. 19; Shoemake, "Animating Rotation with Quaternion Curves", 1985).
    """
    require_value("steps", steps, steps >= 2, "at least 2, the two ends")
    shares = torch.linspace(0, 1, steps, dtype=start.dtype)[:, None]
    angle = torch.acos(torch.cosine_similarity(start, end, 0).clamp(-1, 1))
    if float(torch.sin(angle)) < _SMALL:
        return (1 - shares) * start + shares * end
    return (torch.sin((1 - shares) * angle) * start + torch.sin(shares * angle) * end) / torch.sin(angle)


def along(start: Tensor, direction: Tensor, steps: int) -> Tensor:
    """`steps` latents [steps, D] from `start` [D] to `start` + `direction` [D], in a straight line."""
    require_value("steps", steps, steps >= 2, "at least 2, the two ends")
    return start + torch.linspace(0, 1, steps, dtype=start.dtype)[:, None] * direction


def attribute_of(network: ImageFlow, images: Tensor, wanted: Tensor) -> Tensor:
    """The mean latent of the images that are `wanted`, bool [B], less the mean of all others: [D].

    Raises ValueError if all are wanted or none is, or if the network is told classes: its latents say nothing of them.
    """
    known = network.config.labels
    require_value("labels", known, not known, "0: a network that is told classes has no direction of a class")
    count = int(wanted.sum())
    allowed = f"more than 0 and fewer than all {len(wanted)}"
    require_value("images of the class", count, 0 < count < len(wanted), allowed)
    z = encode(network, images)
    return z[wanted].mean(0) - z[~wanted].mean(0)


def network_with_latents(model: ImageModel) -> ImageFlow:
    """The network of a model. Raises ValueError if its kind has no latents."""
    if not getattr(kind_of(model.kind), "has_latents", False):
        able = ", ".join(name for name in kinds() if getattr(kind_of(name), "has_latents", False))
        raise ValueError(
            f"model is {model.name} of kind {model.kind}, whose images have no latents; its kind must be one of {able}"
        )
    network: ImageFlow = model.network.module
    return network
