"""A voice that takes text keeps its text network beside its own, in the format that came with it."""

import json

import numpy as np
import pytest

from tests.voices_for_tests import make_text_voice, make_voice
from wavesynth.voices.voice import FormatError, load_voice, save_voice


def test_a_voice_with_a_text_network_comes_back_as_it_was(tmp_path):
    voice = make_text_voice()
    save_voice(tmp_path, voice)
    loaded = load_voice(tmp_path)
    assert json.loads((tmp_path / "voice.json").read_text())["format"] == 5
    assert loaded.takes_text and loaded.text_network.config == voice.text_network.config
    for name, weight in voice.text_network.weights.items():
        assert np.array_equal(loaded.text_network.weights[name], weight.astype(np.float16))


def test_a_voice_without_one_is_written_as_before(tmp_path):
    save_voice(tmp_path, make_voice())
    description = json.loads((tmp_path / "voice.json").read_text())
    assert description["format"] == 3 and "text" not in description
    assert not load_voice(tmp_path).takes_text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["text"].update(bands=7), "text.bands is 7; model.mel_bands is 80"),
        (
            lambda d: d["text"].update(symbols=["a"]),
            r"text: symbols is \('a',\); it must be a list with \^ \$",
        ),
        (lambda d: d["text"].pop("channels"), "text lacks channels"),
        (lambda d: d["text"].update(decoder_kernel=4), "text: decoder_kernel is 4; it must be odd"),
        (lambda d: d["text"].update(decoder_layers=3), "weights lacks text.decoder.blocks.2"),
        (lambda d: d.update(format=3), "voice.json has text, which it must not have"),
        (lambda d: d.pop("text"), "voice.json lacks text"),
    ],
)
def test_a_description_of_a_text_network_with_a_fault_is_refused(tmp_path, change, message):
    save_voice(tmp_path, make_text_voice())
    description = json.loads((tmp_path / "voice.json").read_text())
    change(description)
    (tmp_path / "voice.json").write_text(json.dumps(description))
    with pytest.raises(FormatError, match=message):
        load_voice(tmp_path)


def test_of_two_voices_that_cost_the_same_the_one_without_text_comes_first():
    assert make_voice("z").cost < make_text_voice("a").cost < make_voice("a", layers=5).cost
