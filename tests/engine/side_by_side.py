"""Streams of any input in two data planes at once, which must give the same samples at the same time."""

import numpy as np
from hypothesis import strategies as st

from tests.engine.both_planes import CONVERTER, VOICES
from wavesynth.engine.stream import EngineRequest
from wavesynth.sampling.params import SamplingParams


def cut(draw, whole):
    """In pieces of any size, empty ones too."""
    ends = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return [whole[a:b] for a, b in zip([0, *ends], [*ends, len(whole)], strict=True)]


@st.composite
def streams(draw, name, voice=None):
    """A request and what is pushed."""
    voice = voice or VOICES[name].voice
    params = SamplingParams(draw(st.integers(0, 2**64 - 1)), draw(st.sampled_from([0.5, 1.0, 2.0])))
    speaker = draw(st.integers(0, len(voice.speakers) - 1)) if voice.speakers else None
    common = {"params": params, "speaker": speaker}
    if not voice.takes_mel:
        samples = draw(st.integers(1, 1500))
        first = draw(st.sampled_from([0, samples // 2]))
        return EngineRequest(name, "duration", samples=samples, first_sample=first, **common), []
    common["correction"] = draw(st.sampled_from([0, 1, 2, 4, 8]))
    noise = np.random.default_rng(draw(st.integers(0, 99)))
    if voice.converter_network is not None and draw(st.booleans()):
        memory = noise.standard_normal((CONVERTER.layers, CONVERTER.channels)).astype(np.float32)
        common["memory"] = memory.tobytes()
    if draw(st.booleans()):
        mel = noise.uniform(-1.5, 1.5, (draw(st.integers(1, 9)), 80)).astype(np.float32)
        first = draw(st.integers(0, len(mel) * 160 - 1))
        return EngineRequest(name, "mel", first_sample=first, **common), cut(draw, mel)
    rate = draw(st.sampled_from([16000, 8000, 44100, 48000]))
    sound = (noise.standard_normal(draw(st.integers(1, rate // 10))) * 5000).astype(np.int16)
    if draw(st.booleans()):
        sound = sound / np.float32(32768)
    first = draw(st.integers(0, len(sound) * 16000 // rate - 1)) if len(sound) * 16000 > rate else 0
    return EngineRequest(name, "audio", sample_rate=rate, first_sample=first, **common), cut(draw, sound)


class Pair:
    """One stream in both planes."""

    def __init__(self, planes, request, pieces):
        self.both, self.pieces = [plane.open(request) for plane in planes], list(pieces)
        self.finished = False

    def feed(self, count):
        for _ in range(count):
            for stream in self.both:
                if self.pieces:
                    stream.push(self.pieces[0])
                elif not self.finished:
                    stream.finish()
            self.finished = self.finished or not self.pieces
            self.pieces = self.pieces[1:]

    @property
    def done(self):
        return self.finished and self.both[1].index == self.both[1].total


def step(planes, pairs, n, alone):
    """Advances those that are ready, together in C++ and each by itself in Python; the samples must be the same, and as
    many."""
    counts = [plane.ready([p.both[i] for p in pairs], [n] * len(pairs)) for i, plane in enumerate(planes)]
    assert counts[0] == counts[1]
    for count in {c for c in counts[0] if c}:
        some = [p for p, c in zip(pairs, counts[0], strict=True) if c == count]
        ((ends, made),) = planes[0].advance([p.both[0] for p in some], count, alone)
        alone_made = [next(planes[1].advance([p.both[1]], count)) for p in some]
        assert list(ends) == [end for (end,), _ in alone_made]
        expected = [samples for _, (samples,) in alone_made]
        for samples, right in zip(made, expected, strict=True):
            assert samples.dtype == np.int16
            np.testing.assert_array_equal(samples, right)


def run(draw, planes, pairs):
    """Gives and advances in any order and company, then to the end."""
    for _ in range(draw(st.integers(0, 6))):
        some = [p for p in pairs if draw(st.booleans())]
        for pair in some:
            pair.feed(draw(st.integers(0, 2)))
        step(
            planes,
            [p for p in some if not p.done],
            draw(st.sampled_from([1, 37, 160, 500])),
            draw(st.booleans()),
        )
    for pair in pairs:
        pair.feed(9)
    while left := [p for p in pairs if not p.done]:
        step(planes, left, 160, False)
    for pair in pairs:
        native, composed = pair.both
        assert (native.index, native.total, native.lead) == (composed.index, composed.total, composed.lead)
