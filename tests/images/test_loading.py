"""Loading models of images for use."""

import shutil

import pytest

from tests.without import run_without
from wavesynth.formats import FormatError
from wavesynth.images.model import SHIPPED_IMAGE_MODELS, load_image_model

LISTS = """
from wavesynth.images.model import load_image_models

for name, (model, _) in load_image_models().items():
    print(name, model.kind, model.network.config.shape)
"""


def test_models_that_ship_are_loaded_without_pytorch():
    listed = run_without(("torch", "scipy", "matplotlib"), LISTS)
    assert len(listed.splitlines()) == len(list(SHIPPED_IMAGE_MODELS.glob("*/model.json"))) > 0


@pytest.mark.parametrize(("file", "most"), [("model.json", 1 << 20), ("weights.safetensors", 256 << 20)])
def test_files_that_are_too_large_are_refused_before_they_are_read(tmp_path, file, most):
    shutil.copytree(SHIPPED_IMAGE_MODELS / "mnist", tmp_path, dirs_exist_ok=True)
    with (tmp_path / file).open("r+b") as opened:
        opened.truncate(most + 1)  # which takes no room on the disk
    with pytest.raises(FormatError, match=f"{file} has {most + 1} bytes; at most {most} are read"):
        load_image_model(tmp_path)
