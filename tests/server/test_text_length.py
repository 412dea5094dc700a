"""What an offline text counts for among the samples that offline calls may have together."""

import pytest

from tests.voices_for_tests import make_text_voice
from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.validation import Requests
from wavesynth.v1 import synthesis_pb2 as pb

#: Samples of 16 bits that fit into a message.
FIT = 8_355_840


@pytest.mark.parametrize(
    ("seconds", "text", "form", "most"),
    [
        (600, "Hello.", None, 7 * 16000),
        (600, "Hello.", pb.TextFormat(rate=0.5), 14 * 16000),
        (5, "Hello.", None, 5 * 16000),  # no call may make more
        (600, "<speak>Hello.</speak>", pb.TextFormat(markup=pb.TEXT_MARKUP_SSML), FIT),
        (600, "This is a sentence. " * 100, None, FIT),
    ],
)
def test_an_offline_text_counts_for_the_most_that_it_may_make(seconds, text, form, most):
    requests = Requests([ServedVoice.of(make_text_voice("reader"))], max_seconds=seconds)
    given = pb.Conditioning(text=pb.Text(text=text, format=form))
    offline, live = (requests.whole(pb.Synthesis(), given, live=live).request for live in (False, True))
    assert (offline.most_samples, live.most_samples) == (most, None)
