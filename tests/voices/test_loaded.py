"""Loading a folder of voices for use."""

from __future__ import annotations

import pytest

from tests.voices_for_tests import tiny_voice
from tests.without import run_without
from wavesynth.formats import FormatError
from wavesynth.voices.folders import find_voices
from wavesynth.voices.loaded import load_voices


def test_two_voices_of_a_name_or_none_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no voices"):
        load_voices(tmp_path, "cpu")
    tiny_voice(tmp_path, "tiny")
    (tmp_path / "copy").symlink_to(tmp_path / "tiny")
    with pytest.raises(ValueError, match=r"name is 'tiny', which .*/copy has too"):
        load_voices(tmp_path, "cpu")


def test_what_is_broken_is_said_and_left_out_as_long_as_another_is_whole(tmp_path):
    for name in ("bad", "worse", "whole"):
        tiny_voice(tmp_path, name)
    (tmp_path / "bad/weights.safetensors").write_bytes(b"")
    (tmp_path / "worse/voice.json").write_text('{"format": 3}')
    with pytest.raises(FormatError, match=r"bad/weights\.safetensors cannot be read"):
        load_voices(tmp_path, "cpu")
    said = []
    assert list(load_voices(tmp_path, "cpu", left_out=said.append)) == ["whole"]
    bad, worse = map(str, said)
    assert bad.startswith(f"{tmp_path}/bad/weights.safetensors cannot be read")
    assert worse.startswith(f"{tmp_path}/worse/voice.json: voice.json lacks converter, correction, ")
    (tmp_path / "whole/voice.json").unlink()
    with pytest.raises(FormatError, match=r"voice\.json lacks"):
        load_voices(tmp_path, "cpu", left_out=said.append)


#: Draws with every voice that ships.
DRAWS = """
import numpy as np
import wavesynth.audio.encodings, wavesynth.audio.files, wavesynth.audio.pcm, wavesynth.audio.stage
from wavesynth.audio.companding import Deemphasis
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import StreamingLogMel
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.sampling.conditioning import conditioner_of
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.windows import Windows
from wavesynth.voices.folders import SHIPPED
from wavesynth.voices.loaded import load_voices

for name, loaded in load_voices(SHIPPED, "cpu").items():
    voice, sampler = loaded.voice, loaded.sampler
    if sampler.takes_windows:
        frames = Windows(np.zeros((1, 1 + 2 * voice.mel_context, voice.mel_bands), np.float32), None)
    elif voice.takes_mel:
        window = np.zeros((1, 1 + 2 * voice.mel_context, voice.mel_bands), np.float32)
        frames = conditioner_of(voice.network).frames(window, np.array([0 if voice.speakers else -1], np.int32))
    else:
        frames = voice.network.weights["bias"]
    if not sampler.takes_windows:
        frames = frames.reshape(1, voice.layers, -1)
    drawn = sampler.advance([sampler.start()], [frames], [SamplingParams(1)], 100)
    StreamingResampler(8000, voice.sample_rate), StreamingLogMel(voice.mel)
    SpectralCorrection(voice.mel, voice.correction)
    print(name, len(np.unique(Deemphasis(voice.preemphasis).push(drawn[0]))) > 5)
"""


def test_voices_that_ship_are_loaded_and_draw_without_pytorch():
    assert run_without(("torch", "scipy", "matplotlib"), DRAWS).split("\n") == [
        *(f"{name} True" for name in find_voices()),
        "",
    ]
