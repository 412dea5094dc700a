"""What synthetic voices say is kept where a data set's transcripts are looked for."""

import json

import pytest

from wavesynth.data.recipes.kokoro import RECIPES
from wavesynth.data.transcripts import Transcript, kept_transcripts


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_prepared_set_of_synthetic_speech_has_its_transcripts(recipe, tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({"files": [{"stem": "af_heart-0001"}]}))
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings/transcripts.tsv").write_text(
        "file\ttext\tphonemes\tdurations\naf_heart-0001\tHello.\thəlˈoʊ.\t1 2 3\n", "utf-8"
    )
    recipe.finish(tmp_path / "work", tmp_path)
    assert kept_transcripts(tmp_path) == {"af_heart-0001": Transcript("Hello.", "həlˈoʊ.")}
