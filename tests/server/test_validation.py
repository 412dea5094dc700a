from dataclasses import replace

import pytest

from tests.voices_for_tests import make_voice
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.server.validation import Requests
from wavesynth.v1 import synthesis_pb2 as pb


def test_who_names_no_voice_is_not_spoken_for_in_anothers():
    converter = Converter(ConverterConfig(channels=4))
    voices = [replace(make_voice(layers=4), name="a", converter=converter), make_voice("b", layers=5)]
    assert Requests(voices).default == "b"
    assert Requests(voices[:1]).default == "a"


@pytest.mark.parametrize(
    ("own", "asked", "frames"),
    [(2, None, 2), (2, True, 2), (2, False, 0), (0, None, 0), (0, True, 4), (0, False, 0)],
)
def test_a_call_says_whether_and_the_voice_how_it_is_corrected(own, asked, frames):
    requests = Requests([replace(make_voice(), correction=own)])
    conditioning = pb.Conditioning(mel=pb.MelFrames(bands=80, values=[0.0] * 80))
    request, _ = requests.whole(pb.Synthesis(correction=asked), conditioning, live=True)
    assert request.correction == frames
