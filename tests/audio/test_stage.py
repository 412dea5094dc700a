"""What each stage says of its reach is what changes when a sample of its input does, and when its output comes."""

import numpy as np
import pytest
import torch

from wavesynth.audio.companding import Deemphasis
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import MelConfig, StreamingLogMel
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.audio.stage import Pipeline, Sampling

MELS = [
    MelConfig(),
    MelConfig(sample_rate=8000, n_fft=512, window=401, hop=90, high=4000.0),
    MelConfig(hop=200, window=640, n_fft=640),
]
RATES = [(8000, 16000), (48000, 16000), (44100, 16000), (22050, 24000)]


def noise(samples):
    return torch.rand(samples, generator=torch.Generator().manual_seed(0)) - 0.5


def changes(stage, sound, places):
    """Of each of these places the first and the last output [n, ...] that another sample there changes."""

    def output(samples):
        streaming = stage()
        return torch.cat([streaming.push(samples), streaming.finish()])

    before = output(sound)
    for at in places:
        other = sound.clone()
        other[at] += 1000
        found = (output(other) != before).view(len(before), -1).any(1).nonzero()[:, 0]
        yield at, int(found[0]), int(found[-1])


def arrivals(stage, sound):
    """How many samples were in when each output came."""
    came = []
    for number, piece in enumerate(sound.split(1), 1):
        came += [number] * len(stage.push(piece))
    return came


@pytest.mark.parametrize("config", MELS)
def test_log_mel_reaches_as_far_as_it_says(config):
    sound, hop, window = noise(3 * config.window), config.hop, config.window
    reached = list(changes(lambda: StreamingLogMel(config), sound, range(window, window + hop)))
    mel = StreamingLogMel(config)
    assert max(at - first * hop for at, first, _ in reached) == mel.look_ahead
    assert max(last * hop - at for at, _, last in reached) == mel.warm_up


@pytest.mark.parametrize("config", MELS)
def test_log_mel_comes_as_soon_as_it_says(config):
    came = arrivals(StreamingLogMel(config), noise(4 * config.window))
    mel = StreamingLogMel(config)
    assert came[0] == mel.start_up
    assert {number - 1 - frame * config.hop for frame, number in enumerate(came)} == {mel.look_ahead}


@pytest.mark.parametrize(("source", "target"), RATES)
def test_resampled_audio_comes_as_soon_as_it_says(source, target):
    resampler = StreamingResampler(source, target)
    came = arrivals(StreamingResampler(source, target), noise(source // 10))
    late = max(number * target / source - 1 - sample for sample, number in enumerate(came))
    assert late == pytest.approx(resampler.look_ahead)
    assert came[0] * target / source == pytest.approx(resampler.start_up)


@pytest.mark.parametrize(("source", "target"), [(8000, 16000), (48000, 16000), (24000, 16000)])
def test_the_resampler_forgets_as_soon_as_it_says(source, target):
    resampler, period = StreamingResampler(source, target), source // np.gcd(source, target)
    sound = noise(source // 25)
    middle = len(sound) // 2
    places = range(middle, middle + int(period))
    reached = list(changes(lambda: StreamingResampler(source, target), sound, places))
    assert np.ceil(max(last - at * target / source for at, _, last in reached)) == resampler.warm_up
    assert max(at * target / source - first for at, first, _ in reached) <= resampler.look_ahead


@pytest.mark.parametrize("frames", [0, 1, 4])
@pytest.mark.parametrize("config", [MelConfig(), MelConfig(hop=200, window=640, n_fft=640)])
def test_corrected_audio_comes_as_soon_as_it_says(config, frames):
    correction, samples = SpectralCorrection(config, frames), 2000
    target = np.zeros((config.frames(samples), config.bands), np.float32)
    came = []
    for number in range(1, samples + 1):
        piece = noise(1).numpy()
        came += [number] * len(correction.push(piece, target if number == 1 else target[:0]))
    assert came[0] == correction.start_up
    assert max(number - 1 - sample for sample, number in enumerate(came)) == correction.look_ahead


@pytest.mark.parametrize("frames", [1, 4])
def test_corrected_audio_is_decided_by_the_samples_that_must_be_in(frames):
    """But for what the edges of the windows, which are almost 0, leave of them in float32."""
    config, sound = MelConfig(), noise(3200).numpy()
    target = np.zeros((config.frames(len(sound)), config.bands), np.float32)

    def corrected(samples):
        correction = SpectralCorrection(config, frames)
        return np.concatenate([correction.push(samples, target), correction.finish()])

    reach, before = [], corrected(sound)
    for at in range(2000, 2000 + config.hop):
        other = sound.copy()
        other[at] += 1000
        reach.append(at - int(np.flatnonzero(corrected(other) != before)[0]))
    assert -9 < max(reach) - SpectralCorrection(config, frames).look_ahead < 0


def test_de_emphasis_forgets_within_half_a_step_of_16_bits():
    impulse = np.zeros(200)
    impulse[10] = 1
    response = Deemphasis().push(impulse)
    assert response[10] == 1 and not response[:10].any()
    assert response[10 + 69 :].max() < 0.5 / 32768 * 1.01 < response[10 + 60]
    assert (Deemphasis.look_ahead, Deemphasis.warm_up, Deemphasis.start_up) == (0, 0, 1)


def test_a_pipeline_adds_its_stages_up():
    mel, correction = StreamingLogMel(), SpectralCorrection(MelConfig(), 4)
    pipeline = Pipeline(160, [mel], [Sampling(5116), correction])
    assert pipeline.look_ahead == pipeline.after == mel.look_ahead + correction.look_ahead
    assert pipeline.warm_up == mel.warm_up + 159 + 5116 + correction.warm_up
    assert pipeline.before == 480 + 5116 + correction.warm_up
    assert [pipeline.needed(n) for n in (1, 160, 161)] == [400, 400, 560]
    assert pipeline.held_back == 1120
    assert Pipeline(160, [mel], [Sampling(5116)]).held_back == 0
