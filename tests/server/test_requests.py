from dataclasses import replace

import pytest

from tests.voices_for_tests import make_voice
from wavesynth.server.requests import Requests
from wavesynth.v1 import synthesis_pb2 as pb


@pytest.mark.parametrize(
    ("own", "asked", "passes"),
    [(2, None, 2), (2, True, 2), (2, False, 0), (0, None, 0), (0, True, 1), (0, False, 0)],
)
def test_a_call_says_whether_and_the_voice_how_often_it_is_corrected(own, asked, passes):
    requests = Requests([replace(make_voice(), correction=own)])
    conditioning = pb.Conditioning(mel=pb.MelFrames(bands=80, values=[0.0] * 80))
    request, _ = requests.whole(pb.Synthesis(correction=asked), conditioning, live=True)
    assert request.correction == passes
