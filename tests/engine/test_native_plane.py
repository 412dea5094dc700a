"""The data plane in C++ against the one in Python, which defines it: the same samples at the same time, to the byte."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.both_planes import CONVERTER, PLANES, VOICES, converting, loaded
from tests.voices_for_tests import make_voice
from wavesynth.audio.analysis import log_mel_kernel
from wavesynth.audio.projection import projector
from wavesynth.audio.resampling import resampling_kernel
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.native_plane import NativePlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.stream import EngineRequest
from wavesynth.kernels.cpu import instruction_sets
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler


def cut(draw, whole):
    """In pieces of any size, empty ones too."""
    ends = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return [whole[a:b] for a, b in zip([0, *ends], [*ends, len(whole)], strict=True)]


@st.composite
def streams(draw, name):
    """A request and what is pushed."""
    voice = VOICES[name].voice
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


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_samples_are_those_of_the_stages_in_python(data):
    name = data.draw(st.sampled_from(list(VOICES)))
    planes = PLANES[name]
    pairs = [Pair(planes, *data.draw(streams(name))) for _ in range(data.draw(st.integers(1, 3)))]
    run(data.draw, planes, pairs)


@pytest.fixture
def no_kernels_kept():
    caches = log_mel_kernel, projector, resampling_kernel
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("name", instruction_sets())
def test_every_instruction_set_makes_the_same_samples(name, monkeypatch, no_kernels_kept):
    composed = PLANES["converting"][1]
    monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
    planes = NativePlane(loaded(converting(make_voice("converting", layers=3)))), composed
    sound = (np.random.default_rng(0).standard_normal(3000) * 5000).astype(np.int16)
    pairs = [
        Pair(planes, EngineRequest("converting", "audio", sample_rate=rate, correction=frames), [sound])
        for rate, frames in [(16000, 4), (44100, 4), (8000, 0), (16000, 8)]
    ]
    for pair in pairs:
        pair.feed(2)
    while left := [p for p in pairs if not p.done]:
        step(planes, left, 160, False)


def test_a_sample_comes_as_soon_as_in_python():
    planes = PLANES["plain"]
    sound = np.random.default_rng(0).uniform(-1, 1, 3000).astype(np.float32)
    for rate in (16000, 48000, 8000):
        pair = Pair(
            planes, EngineRequest("plain", "audio", sample_rate=rate, correction=1), np.split(sound, 500)
        )
        while not pair.done:
            pair.feed(1)
            step(planes, [pair], 10, False)


def test_the_end_is_known_once_the_input_is():
    plane = PLANES["plain"][0]
    stream = plane.open(EngineRequest("plain", "audio", sample_rate=44100))
    stream.push(np.zeros(441, np.int16))
    assert stream.total is None
    stream.finish()
    assert stream.total == 160


def test_streams_may_be_advanced_by_several_threads_while_others_push():
    plane, composed = PLANES["plain"]
    sounds = [np.random.default_rng(i).uniform(-1, 1, 4000).astype(np.float32) for i in range(4)]
    requests = [EngineRequest("plain", "audio", SamplingParams(i), correction=4) for i in range(4)]
    made = {}

    def whole(plane, i, pieces):
        stream, samples = plane.open(requests[i]), []
        feeding = threading.Thread(target=lambda: [*map(stream.push, pieces), stream.finish()])
        feeding.start()
        while stream.index != stream.total:
            (n,) = plane.ready([stream], [160])
            if n:
                samples += [some for _, (some,) in plane.advance([stream], n, alone=i == 0)]
        feeding.join()
        return np.concatenate(samples)

    def work(i):
        made[i] = whole(plane, i, np.split(sounds[i], 40))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_array_equal(made[i], whole(composed, i, [sounds[i]]))


def test_it_is_the_plane_of_what_the_kernels_have():
    plain = VOICES["plain"]
    assert isinstance(plane_of(plain), NativePlane)
    other = replace(plain.voice, mel=replace(plain.voice.mel, n_fft=2048))
    for loaded_voice in (loaded(other), LoadedVoice(plain.voice, make_sampler(plain.voice, "reference"))):
        assert isinstance(plane_of(loaded_voice), ComposedPlane)
