"""The data plane in C++ against the one in Python, which defines it: the same samples at the same time, to the byte."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.both_planes import PLANES, VOICES, converting, loaded
from tests.engine.side_by_side import Pair, run, step, streams
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
