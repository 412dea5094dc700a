"""Whatever stands in model.json gives a model of images that can be listed, or one sentence."""

import json

from hypothesis import given

from tests.descriptions import contents, fuzzing, is_one_sentence
from wavesynth.formats import FormatError
from wavesynth.images.model import ImageModel, load_image_model, save_image_model
from wavesynth.models.images import image_model
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.networks import Network


def test_any_description_is_a_model_or_a_sentence(tmp_path):
    network = image_model(ImageModelConfig(height=2, width=2, levels=2, features=4, hidden=4, layers=1))
    save_image_model(tmp_path, ImageModel("a", "", "", "", Network.of(network), 0))
    path = tmp_path / "model.json"

    @fuzzing()
    @given(contents(json.loads(path.read_text())))
    def check(content):
        path.write_bytes(content)
        try:
            model = load_image_model(tmp_path)
        except FormatError as error:
            assert str(error).startswith(str(tmp_path)) and is_one_sentence(str(error))
            return
        assert is_one_sentence(model.name) and model.network.module is not None

    check()
