"""Training a model of images: what each value costs in nats, by the loop that all models share.

kind = "pixelcnn"

[data]                          # ImageDataConfig
folder = "datasets/mnist"
binarisation = "dynamic"

[model]                         # ImageModelConfig
variant = "gated"
levels = 2

[training]                      # TrainingConfig, as for a voice

[card]                          # CardConfig: what the exported model says of itself
name = "mnist-binary"
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from wavesynth.checks import build
from wavesynth.data.features import Track
from wavesynth.data.images import ImageSet, ignored_images, quantise, read_images
from wavesynth.data.split import Split
from wavesynth.formats import check_texts
from wavesynth.images.model import SHIPPED_IMAGE_MODELS, ImageModel, load_image_model
from wavesynth.kinds import kind_of
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.networks import Network
from wavesynth.training.checkpoint import Checkpoint, checkpoint_of
from wavesynth.training.configuration import TrainingConfig
from wavesynth.training.recipe import Exported, ExportOptions, Recipe
from wavesynth.training.run import parse_run
from wavesynth.training.task import Task, Tensors
from wavesynth.training.trainer import Trainer

__all__ = [
    "CardConfig",
    "ImageConfiguration",
    "ImageDataConfig",
    "ImageRecipe",
    "ImageTask",
    "averaged_image_model",
    "fixed_images",
    "trained",
]

#: Draws the images that are binarised once and for all: those of the validation and the test set always.
_STATIC_SEED = 20


@dataclass(frozen=True)
class ImageDataConfig:
    """What is learned from: a folder of idx files or of images.

    `binarisation` of images of two levels: "static", each pixel drawn once, or "dynamic", drawn anew in each step.
    """

    folder: str
    binarisation: Literal["static", "dynamic"] | None = None


@dataclass(frozen=True)
class CardConfig:
    """What the exported model says of itself."""

    name: str
    description: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        check_texts(vars(self), ("name", "description", "licence"))


@dataclass(frozen=True)
class ImageConfiguration:
    """A whole training run."""

    data: ImageDataConfig
    card: CardConfig
    model: Any = field(default_factory=ImageModelConfig)
    """The kind's configuration of its network."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    kind: str = "pixelcnn"

    def __post_init__(self) -> None:
        binary = self.model.levels == 2
        if binary != (self.data.binarisation is not None):
            allowed = "'static' or 'dynamic'" if binary else "left out"
            raise ValueError(
                f"[data] binarisation is {self.data.binarisation!r}; "
                f"with {self.model.levels} levels it must be {allowed}"
            )

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, such that `wavesynth.training.run.parse_run` gives this configuration again."""
        return asdict(self)

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed: the network and what its inputs mean."""
        fixed: dict[str, Any] = {"kind": self.kind}
        fixed |= {f"[model] {name}": value for name, value in asdict(self.model).items()}
        return fixed | {"[data] binarisation": self.data.binarisation}


class ImageRecipe(Recipe[ImageConfiguration]):
    """By the negative log-likelihood; exported with its likelihood on a test set and forty images."""

    unit = "dim"

    def parse(self, values: dict[str, Any]) -> ImageConfiguration:
        """An ImageConfiguration."""
        return build("", ImageConfiguration, {"model": {}} | values, {"model": self.kind.config})

    def task(self, configuration: ImageConfiguration, *, resume: bool, track: Track) -> Task:
        """Images, and what their values cost."""
        return ImageTask(self.kind.make_network(configuration.model), configuration)

    def example(self, training: Trainer, configuration: ImageConfiguration) -> Callable[[], Any]:
        """Some images."""
        from wavesynth.training.examples import some_images

        return partial(some_images, training.average)

    def notes(self, configuration: ImageConfiguration) -> list[str]:
        """What of the folder is not taken as an image, and why."""
        return [
            f"{entry['source']} is ignored: {entry['reason']}"
            for entry in ignored_images(configuration.data.folder)
        ]

    def export(self, checkpoint: Checkpoint, out: Path, options: ExportOptions) -> Exported:
        """A model, its card and its samples; measured on the test images in `options.data`."""
        from wavesynth.training.image_export import export_images

        return export_images(averaged_image_model(checkpoint), out, options)


class ImageTask:
    """The negative log-likelihood of eq. 1 of van den Oord et al., 2016, on random images."""

    fused = False

    def __init__(self, model: Any, configuration: ImageConfiguration) -> None:
        self.model, self.configuration = model, configuration
        self.training = fixed_images(model.config, configuration.data, "train", drawn=False)
        self.validating = fixed_images(model.config, configuration.data, "validation")
        if configuration.data.binarisation == "static":
            self.training = _drawn(self.training, 2)

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """Random images: levels [B, H, W, C], and labels [B] if the network has classes."""
        chosen = torch.randint(len(self.training), (size,), generator=generator)
        images = self.training.images[chosen]
        if self.configuration.data.binarisation == "dynamic":
            images = quantise(images, 2, generator)
        return images.long(), *self._labels(self.training, chosen)

    def validation(self, size: int) -> Iterator[Tensors]:
        """The validation set in order."""
        for start in range(0, len(self.validating), size):
            some = slice(start, start + size)
            yield self.validating.images[some].long(), *self._labels(self.validating, some)

    @property
    def validated(self) -> int:
        """Images of the validation set."""
        return len(self.validating)

    @property
    def content(self) -> str:
        """A hash of all images."""
        sets = (self.training.images, self.validating.images)
        return " ".join(hashlib.blake2b(images.numpy().data, digest_size=12).hexdigest() for images in sets)

    def loss(self, model: Any, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Nats [B, H, W, C]."""
        nats: Tensor = model.nll(pixels, labels)
        return nats

    def _labels(self, images: ImageSet, which: Tensor | slice) -> tuple[Tensor, ...]:
        return (images.labels[which],) if self.model.config.labels and images.labels is not None else ()


def fixed_images(config: Any, data: ImageDataConfig, split: Split, *, drawn: bool = True) -> ImageSet:
    """A split as the network takes it, levels in uint8; ValueError if it does not fit the network.

    Two levels are drawn once, by one seed, so that a figure on the test set is always of the same images. With
    `drawn` false they stay intensities.
    """
    images = read_images(data.folder, split)
    if tuple(images.images.shape[1:]) != config.shape:
        raise ValueError(
            f"[data] folder is {data.folder}, whose images have height, width and channels "
            f"{list(images.images.shape[1:])}; they must be those of [model], {list(config.shape)}"
        )
    if config.labels:
        found = 0 if images.labels is None else max(len(images.classes), int(images.labels.max()) + 1)
        if images.labels is None or found > config.labels:
            raise ValueError(
                f"[model] labels is {config.labels}; the images of {data.folder} have {found} classes, "
                "so it must be that or 0"
            )
    return _drawn(images, config.levels) if drawn or config.levels != 2 else images


def _drawn(images: ImageSet, levels: int) -> ImageSet:
    generator = torch.Generator().manual_seed(_STATIC_SEED)
    parts = [quantise(part, levels, generator).to(torch.uint8) for part in images.images.split(1000)]
    return ImageSet(torch.cat(parts), images.labels, images.classes)


def trained(path: Path, *, lowest: bool = False) -> ImageModel:
    """A model that ships, by its name, the model in an exported folder, or the averaged weights of a run's newest
    checkpoint or of one checkpoint.

    With `lowest`, of a run's checkpoint with the lowest validation loss. ValueError if there is none.
    """
    if not path.exists() and (SHIPPED_IMAGE_MODELS / path / "model.json").exists():
        path = SHIPPED_IMAGE_MODELS / path
    if (path / "model.json").exists():
        return load_image_model(path)
    if not path.exists():
        names = ", ".join(sorted(folder.parent.name for folder in SHIPPED_IMAGE_MODELS.glob("*/model.json")))
        raise ValueError(
            f"model is {path}, which does not exist; it must be a model, a run, a checkpoint or one of {names}"
        )
    checkpoint = checkpoint_of(path, lowest=lowest)
    try:
        return averaged_image_model(checkpoint)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def averaged_image_model(checkpoint: Checkpoint) -> ImageModel:
    """The averaged weights of a run, with what it says of itself. ValueError if it is a run of another kind."""
    if kind_of(checkpoint.kind).makes != "images":
        raise ValueError(f"it is a run of kind {checkpoint.kind}; it must be one of a model of images")
    configuration: Any = parse_run(checkpoint.configuration)
    network = kind_of(checkpoint.kind).make_network(configuration.model)
    network.load_state_dict(checkpoint.average)
    return ImageModel(
        **asdict(configuration.card),
        binarisation=getattr(configuration.data, "binarisation", None) or "",
        network=Network.of(network.requires_grad_(False).eval()),
        steps=checkpoint.step,
        kind=checkpoint.kind,
    )
