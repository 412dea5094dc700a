"""Loading models of images for use."""

from tests.without import run_without
from wavesynth.images.model import SHIPPED_IMAGE_MODELS

LISTS = """
from wavesynth.images.model import load_image_models

for name, (model, _) in load_image_models().items():
    print(name, model.network.config.variant)
"""


def test_models_that_ship_are_loaded_without_pytorch():
    listed = run_without(("torch", "scipy", "matplotlib"), LISTS)
    assert len(listed.splitlines()) == len(list(SHIPPED_IMAGE_MODELS.glob("*/model.json"))) > 0
