"""The lecture's four families on the same digits: what each knows of an image, and how fast it makes one.

    python -m experiments.families mnist MODEL... --data datasets/mnist --minutes 10 --out out

Found: an autoregressive model has the best likelihood and is the slowest to sample from; a flow has a likelihood too
and makes an image at once; an autoencoder has a bound; an adversarial network has neither
(docs/lab/2026-11-30-four-families.md).

Trains a variational autoencoder and a GAN for so many minutes of processor time each, measures them beside models of
images that are given (names of those that ship, or folders), and writes OUT/families.md and families.png.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from experiments import results
from experiments.adversarial import of_images
from experiments.autoencoder import Autoencoder
from experiments.processor_time import repeat, spent
from wavesynth.data.images import ImageSet, read_images
from wavesynth.evaluation.images import likelihood_of
from wavesynth.evaluation.pictures import grid
from wavesynth.images.model import load_image_model, load_image_models
from wavesynth.images.sampling import params_from
from wavesynth.kinds import kind_of
from wavesynth.models.pixels import intensities

_SHOWN = 25
_MANY = 64
_IMPORTANCE = 64


@dataclass(frozen=True)
class Family:
    """What one of them came to. Times are processor seconds of one core."""

    name: str
    parameters: int
    nats: str
    bits_per_dim: str
    knows: str
    """What it says about an image."""
    one: float
    many: float
    """To make one image, and `_MANY` in one call: the least of three."""
    made: Tensor
    """Images, uint8 [25, H, W]."""


def _timed(make: Callable[[int], Tensor]) -> tuple[float, float, Tensor]:
    one, many = (min(spent(partial(make, n)) for _ in range(3)) for n in (1, _MANY))
    return one, many, make(_SHOWN)


def _given(name: str, test: ImageSet) -> Family:
    """A model of images of the package."""
    shipped = load_image_models()
    model = shipped[name][0] if name in shipped else load_image_model(Path(name))
    kind: Any = kind_of(model.kind)
    network: Any = model.network.module
    likelihood = likelihood_of(network, test, nll=kind.nll)

    def make(count: int) -> Tensor:
        labels = torch.arange(count) % network.config.labels if network.config.labels else None
        images = torch.stack(list(model.rows(params_from(0, count), labels)), 1)
        return intensities(images, network.config.levels)[..., 0]

    knows = "ln p of the digit with noise: a bound" if kind.has_latents else "ln p, exactly"
    return Family(
        f"{model.name} ({model.kind})",
        _size(network),
        f"{likelihood.nats:.1f} ± {likelihood.standard_error:.1f}",
        f"{likelihood.bits_per_dim:.3f}",
        knows,
        *_timed(make),
    )


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _autoencoder(images: Tensor, test: ImageSet, seconds: float) -> Family:
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = Autoencoder()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step() -> None:
        some = images[torch.randint(len(images), (64,), generator=random)]
        loss = -network.bound(some, random).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()

    print(f"autoencoder: {repeat(step, seconds):,} steps")
    pixels = test.images[..., 0].float()
    with torch.inference_mode():
        bound, tighter = (
            torch.cat([-network.bound(some, random, draws) for some in pixels.split(size)])
            for draws, size in ((1, 200), (_IMPORTANCE, 10))
        )
        nats = f"≤ {float(tighter.mean()):.1f} (one draw: ≤ {float(bound.mean()):.1f})"
        bits = f"≤ {float(tighter.mean()) / pixels[0].numel() / math.log(2):.3f}"
        drawn = _timed(lambda count: network.sample(count, random))
    return Family("variational autoencoder", _size(network), nats, bits, "a bound of ln p", *drawn)


def _adversaries(images: Tensor, seconds: float) -> Family:
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    rivals = of_images()
    scaled = images[:, None] / 127.5 - 1

    def step() -> None:
        rivals.step(scaled[torch.randint(len(scaled), (64,), generator=random)], random)

    print(f"GAN: {repeat(step, seconds):,} steps")
    rivals.generator.eval()

    def make(count: int) -> Tensor:
        return ((rivals.sample(count, random)[:, 0] + 1) * 127.5).round().to(torch.uint8)

    return Family("GAN", _size(rivals.generator), "none", "none", "nothing", *_timed(make))


def _table(families: list[Family], images: int) -> str:
    lines = [
        "| | parameters | test (nats/image) | bits/dim | what it says of an image "
        f"| one image (s) | {_MANY} images (s) |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    lines += [
        f"| {f.name} | {f.parameters:,} | {f.nats} | {f.bits_per_dim} | {f.knows} | {f.one:.4f} | {f.many:.3f} |"
        for f in families
    ]
    lines.append(f"\nOf {images:,} test images of 256 levels. Seconds are processor time of one core.")
    return "\n".join(lines) + "\n"


def _plot(families: list[Family]) -> Figure:
    """The first samples of each, unchosen."""
    figure = Figure(figsize=(2.6 * len(families), 2.9), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axis, family in zip(np.atleast_1d(figure.subplots(1, len(families))), families, strict=True):
        axis.imshow(grid(family.made[..., None], 5).squeeze(-1), cmap="gray", vmin=0, vmax=255)
        axis.set_title(family.name, fontsize=9)
        axis.set_axis_off()
    return figure


def main() -> None:
    """Parses the arguments, trains two, measures all, and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="models of images of 256 levels: names or folders")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's files")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="processor time of each training (default 10)"
    )
    parser.add_argument("--images", type=int, default=1000, help="test images to measure on (default 1000)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder to write to (default out)")
    arguments = parser.parse_args()
    results.check(arguments.out, "families")
    torch.set_num_threads(1)
    whole = read_images(arguments.data, "test")
    test = ImageSet(
        whole.images[: arguments.images], None if whole.labels is None else whole.labels[: arguments.images]
    )
    training = read_images(arguments.data, "train").images[..., 0].float()
    families = [_given(name, test) for name in arguments.models]
    families.append(_autoencoder(training, test, arguments.minutes * 60))
    families.append(_adversaries(training, arguments.minutes * 60))
    results.save(arguments.out, "families", _table(families, len(test)), _plot(families))


if __name__ == "__main__":
    main()
