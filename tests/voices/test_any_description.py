"""Whatever stands in voice.json gives a voice that can be listed and served, or one sentence."""

import json

from hypothesis import given

from tests.descriptions import contents, fuzzing, is_one_sentence
from tests.voices_for_tests import tiny_voice
from wavesynth.engine.planes import plane_of
from wavesynth.server.listing import listed
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import FormatError, load_voice


def test_any_description_is_a_voice_or_a_sentence(tmp_path):
    path = tiny_voice(tmp_path, speakers=2) / "voice.json"

    @fuzzing()
    @given(contents(json.loads(path.read_text())))
    def check(content):
        path.write_bytes(content)
        try:
            voice = load_voice(path.parent)
        except FormatError as error:
            assert str(error).startswith(str(path.parent)) and is_one_sentence(str(error))
            return
        assert is_one_sentence(voice.name) and listed([voice], 1).SerializeToString()
        plane_of(LoadedVoice(voice, make_sampler(voice)))

    check()
