"""What both data planes say of input that cannot be used."""

import numpy as np
import pytest

from tests.engine.both_planes import PLANES, converting, loaded
from tests.voices_for_tests import make_voice
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.native_plane import NativePlane
from wavesynth.engine.stream import EngineRequest, InputError


@pytest.mark.parametrize("name", ["plain", "converting"])
def test_mel_that_is_not_finite_ends_its_own_stream_alone(name):
    for plane in PLANES[name]:
        mel = np.zeros((30, 80), np.float32)
        broken = mel.copy()
        broken[20, 3] = np.nan
        both = [plane.open(EngineRequest(name, "mel")) for _ in range(2)]
        for stream, piece in zip(both, (mel, broken), strict=True):
            stream.push(piece)
        made = 0
        while (counts := plane.ready(both, [160, 160]))[1] == 160:
            list(plane.advance(both, 160))
            made += 160
        assert made == (20 - 3 - (name == "converting")) * 160
        assert counts[0] == 160
        with pytest.raises(ValueError, match=r"^mel has NaN or infinite values; it must be finite$"):
            raise counts[1]


def test_what_a_converter_makes_infinite_ends_its_stream_alone():
    voice = loaded(converting(make_voice("loud", layers=3), louder=1000))
    native, composed = NativePlane(voice), ComposedPlane(voice)

    def opened(plane):
        both = [plane.open(EngineRequest("loud", "mel")) for _ in range(2)]
        for stream, value in zip(both, (0, 3e38), strict=True):
            stream.push(np.full((10, 80), value, np.float32))
        return both

    both = opened(native)
    assert native.ready(both, [160, 160]) == [160, 160]
    ((_, (samples, error)),) = native.advance(both, 160)  # which finds it on the way
    assert len(samples) == 160
    for found in error, *native.ready(both[1:], [160]), composed.ready(opened(composed), [160, 160])[1]:
        with pytest.raises(ValueError, match="mel has NaN"):
            raise found
    assert native.ready(both[:1], [160]) == [160]


@pytest.mark.parametrize("kind", ["audio", "mel"])
def test_an_empty_input_is_an_error(kind):
    for plane in PLANES["plain"]:
        stream = plane.open(EngineRequest("plain", kind))
        stream.finish()
        (error,) = plane.ready([stream], [160])
        with pytest.raises(InputError, match=r"^the input is empty; it must have at least one sample$"):
            raise error


def test_a_first_sample_beyond_the_end_is_an_error():
    for plane in PLANES["plain"]:
        stream = plane.open(EngineRequest("plain", "audio", first_sample=100))
        stream.push(np.zeros(100, np.float32))
        stream.finish()
        (error,) = plane.ready([stream], [160])
        sentence = r"^first_sample is 100; it must be below 100, the samples of the whole$"
        with pytest.raises(InputError, match=sentence):
            raise error


@pytest.mark.parametrize("index", [0, 1], ids=["native", "composed"])
def test_an_input_that_ends_before_the_first_sample_while_a_step_begins_ends_its_own_stream_alone(index):
    plane = PLANES["plain"][index]
    both = [plane.open(EngineRequest("plain", "audio", first_sample=first)) for first in (0, 1000)]
    for stream, samples in zip(both, (2000, 1000), strict=True):
        stream.push(np.zeros(samples, np.float32))
    assert plane.ready(both, [160, 160]) == [160, 160]
    both[1].finish()
    assert [len(samples) for _, made in plane.advance(both, 160) for samples in made] == [160, 0]
    good, error = plane.ready(both, [160, 160])
    assert good == 160
    with pytest.raises(
        InputError, match=r"^first_sample is 1000; it must be below 1000, the samples of the whole$"
    ):
        raise error


def test_what_a_stream_cannot_take_is_refused():
    plane = PLANES["plain"][0]
    mel, sound = (plane.open(EngineRequest("plain", kind)) for kind in ("mel", "audio"))
    with pytest.raises(ValueError, match=r"mel must be \[frames, bands\]"):
        mel.push(np.zeros((3, 79), np.float32))
    with pytest.raises(TypeError, match="samples must be int16 or float32"):
        sound.push(np.zeros(3))
    sound.finish()
    with pytest.raises(ValueError, match="nothing may be pushed after"):
        sound.push(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="cannot make its next 160 samples yet"):
        plane.advance([mel], 160)
    free = PLANES["free"][0].open(EngineRequest("free", "duration", samples=100))
    with pytest.raises(TypeError, match="a stream of a given duration takes no input"):
        free.push(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="a stream is in two calls at once"):
        PLANES["free"][0].advance([free, free], 10)


@pytest.mark.parametrize("name", ["plain", "converting"])
def test_samples_that_are_not_finite_end_their_own_stream_alone(name):
    for plane in PLANES[name]:
        sound = np.zeros(4000, np.float32)
        broken = sound.copy()
        broken[1500] = np.nan
        both = [plane.open(EngineRequest(name, "audio", correction=1)) for _ in range(2)]
        for stream, piece in zip(both, (sound, broken), strict=True):
            stream.push(piece)
        made, error = 0, None
        while error is None:
            counts = plane.ready(both, [160, 160])
            error = counts[1] if counts[1] != 160 else None
            if error is None:
                ((_, pieces),) = plane.advance(both, 160)
                error = pieces[1] if isinstance(pieces[1], Exception) else None
                made += error is None
        with pytest.raises(ValueError, match="mel has NaN"):
            raise error
        # The first window with the sample is under frame 7, and that is looked at some frames ahead.
        assert made == 7 - 3 - (name == "converting")
        assert plane.ready(both[:1], [160]) == [160]
