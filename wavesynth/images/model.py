"""A model of images on disk: a folder with weights.safetensors, model.json and CARD.md. Nothing is unpickled.

model.json has the fields of its `format` and no others (wavesynth.formats). There is format 1 alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from wavesynth.files import atomic_path, read_text
from wavesynth.formats import check_fields, check_format
from wavesynth.models.images import image_model
from wavesynth.models.pixels import ImageModelConfig, PixelModel

__all__ = ["SHIPPED_IMAGE_MODELS", "ImageModel", "load_image_model", "load_image_models", "save_image_model"]

#: The folder of the models of images that ship.
SHIPPED_IMAGE_MODELS = Path(__file__).parent / "shipped"

_FORMAT = 1
_TEXTS = ("name", "description", "licence", "binarisation")


@dataclass(frozen=True)
class ImageModel:
    """A trained network and what it says of itself. `binarisation` is "static", "dynamic" or "" for none."""

    name: str
    description: str
    licence: str
    binarisation: str
    network: PixelModel
    steps: int


def save_image_model(folder: Path, model: ImageModel) -> None:
    """Writes `model` to `folder`, the weights as float16."""
    weights = {name: tensor.half().contiguous() for name, tensor in model.network.state_dict().items()}
    description = {name: getattr(model, name) for name in (*_TEXTS, "steps")}
    description |= {"format": _FORMAT, "model": asdict(model.network.config)}
    with atomic_path(folder / "weights.safetensors") as path:
        save_file(weights, path)
    with atomic_path(folder / "model.json") as path:
        path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_image_model(folder: Path) -> ImageModel:
    """The model in `folder`, its weights in float32; ValueError if a file or a field is not what it must be."""
    path = folder / "model.json"
    try:
        values = json.loads(read_text(path))
        check_format("model.json", values, _FORMAT)
        check_fields("model.json", values, {*_TEXTS, "steps", "format", "model"})
        check_fields("model", values["model"], {f.name for f in fields(ImageModelConfig)})
        config = ImageModelConfig(**values["model"])
        texts = {name: str(values[name]) for name in _TEXTS}
        steps = int(values["steps"])
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in image_model(config).state_dict().items()}
    path = folder / "weights.safetensors"
    try:
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    for name in sorted(set(shapes) ^ set(weights)):
        raise ValueError(
            f"{path} {'lacks' if name in shapes else 'has'} {name}, which model.json says otherwise"
        )
    for name, tensor in weights.items():
        if tensor.shape != shapes[name] or not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: {name} must be finite and have shape {list(shapes[name])}")
    network = image_model(config)
    network.load_state_dict(weights)
    return ImageModel(**texts, network=network.requires_grad_(False).eval(), steps=steps)


def load_image_models(folder: Path | None = None) -> dict[str, tuple[ImageModel, Path]]:
    """The models of images below `folder` by name, each with its own folder; ValueError for one that is broken.

    Without a folder, those that ship.
    """
    models: dict[str, tuple[ImageModel, Path]] = {}
    for path in sorted((folder or SHIPPED_IMAGE_MODELS).glob("*/model.json")):
        model = load_image_model(path.parent)
        if model.name in models:
            raise ValueError(f"{path}: name is {model.name!r}, which another model in {folder} has")
        models[model.name] = model, path.parent
    if folder is not None and not models:
        raise ValueError(f"{folder} holds no models of images; a model is a folder with model.json")
    return models
