"""A model of images on disk: a folder with model.json, weights.safetensors and CARD.md.

model.json has the fields of its `format` and no others (wavesynth.formats):

- 1, of the models that ship: `kind` in `model` says which of the networks of the kind pixelcnn it is.
- 2, which is written: `kind` stands at the top, `variant` in `model`, and `wavesynth` is the version that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import TypeVar

from wavesynth.checks import require_value
from wavesynth.formats import (
    FormatError,
    check_fields,
    check_texts,
    in_file,
    read_config,
    read_description,
    read_folders,
    read_weights,
    version,
    write_folder,
)
from wavesynth.kinds import kind_of
from wavesynth.models.pixels_config import renamed
from wavesynth.networks import Network
from wavesynth.sampling.params import SamplingParams

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SHIPPED_IMAGE_MODELS", "ImageModel", "load_image_model", "load_image_models", "save_image_model"]

#: The folder of the models of images that ship.
SHIPPED_IMAGE_MODELS = Path(__file__).parent / "shipped"

_FORMAT = 2
_TEXTS = ("name", "description", "licence", "binarisation")
_FIELDS = {*_TEXTS, "steps", "format", "kind", "wavesynth", "model"}


T = TypeVar("T", default="ImageModel")


@dataclass(frozen=True)
class ImageModel:
    """A trained network and what it says of itself. `binarisation` is "static", "dynamic" or "" for none."""

    name: str
    description: str
    licence: str
    binarisation: str
    network: Network
    steps: int
    kind: str = "pixelcnn"

    @property
    def paints_by_rows(self) -> bool:
        """Whether its images are made row by row, so that a beginning that is known can be completed."""
        kind: Any = kind_of(self.kind)
        by_rows: bool = kind.paints_by_rows
        return by_rows

    def rows(
        self,
        params: Sequence[SamplingParams],
        labels: Tensor | None = None,
        known: Tensor | None = None,
        pixels: int = 0,
    ) -> Iterator[Tensor]:
        """The rows of one image for each of `params` as they are made; see `wavesynth.images.kinds.ImageKind`."""
        kind: Any = kind_of(self.kind)
        rows: Iterator[Tensor] = kind.rows(self.network.module, params, labels, known, pixels)
        return rows


def save_image_model(folder: Path, model: ImageModel) -> None:
    """Writes `model` to `folder`, the weights as float16."""
    description = {name: getattr(model, name) for name in (*_TEXTS, "steps", "kind")}
    description |= {"format": _FORMAT, "wavesynth": version(), "model": asdict(model.network.config)}
    write_folder(folder, "model.json", description, model.network.tensors())


def load_image_model(folder: Path) -> ImageModel:
    """The model in `folder`, its weights in float32.

    Raises FormatError if a file is missing, truncated or too large, or if a field or a tensor is missing, left
    over, of the wrong type or shape, or not finite.
    """
    path = folder / "model.json"
    number, values = read_description(path, _FORMAT)
    with in_file(path):
        if number == 1:
            check_fields("model.json", values, _FIELDS - {"kind", "wavesynth"})
            values |= {"kind": "pixelcnn", "wavesynth": "", "model": renamed(values["model"])}
        check_fields("model.json", values, _FIELDS)
        kind: Any = kind_of(values["kind"])
        require_value("kind", values["kind"], kind.makes == "images", "a kind of models of images")
        check_texts(values, (*_TEXTS, "wavesynth"))
        steps = values["steps"]
        require_value("steps", steps, type(steps) is int and steps >= 0, "a whole number, at least 0")
        config = read_config("model", values["model"], kind.config)
    texts = {name: values[name] for name in _TEXTS}
    network = Network(kind.network, config, read_weights(folder, kind.weight_shapes(config)))
    return ImageModel(**texts, network=network, steps=steps, kind=values["kind"])


def load_image_models(
    folder: Path | None = None,
    left_out: Callable[[FormatError], None] | None = None,
    load: Callable[[Path], T] = load_image_model,  # type: ignore[assignment]
) -> dict[str, tuple[T, Path]]:
    """The models of images below `folder` by name, or what `load` makes of their folders, each with its own folder;
    without a folder, those that ship.

    Raises FormatError for one that is broken or whose name another has; but with `left_out`, that is told so, and the
    other models are loaded if there are any. Raises ValueError when there are none.
    """
    models = read_folders(folder or SHIPPED_IMAGE_MODELS, "model.json", load, left_out)
    if folder is not None and not models:
        raise ValueError(f"{folder} holds no models of images; a model is a folder with model.json")
    return models
