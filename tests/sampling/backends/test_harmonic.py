"""The native sampler of harmonics and noise against its definition in NumPy, and against itself."""

import numpy as np
import pytest
import torch

from wavesynth.audio.analysis import MelConfig, filter_bank, hann_window
from wavesynth.audio.mel import log_mel_of_array
from wavesynth.kernels.cpu import instruction_sets
from wavesynth.models.harmonic import CONTEXT, Harmonic, HarmonicConfig
from wavesynth.networks import Network
from wavesynth.sampling.backends.harmonic import HarmonicSampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import philox
from wavesynth.sampling.windows import Windows

FRAMES, HOP, RATE = 8, 160, 16000
MEL = MelConfig()


def network(seed=1, **values):
    torch.manual_seed(seed)
    module = Harmonic(HarmonicConfig(**{"channels": 32, "noises": 4} | values))
    with torch.no_grad():
        module.dense[-1].weight.mul_(20)  # so that frames differ in what they are
        said = module(torch.from_numpy(log_mel(seed))[None])
        module.dense[-1].bias[0] += 1e-3 - said.voiced.median()  # and about half of them are voiced
    return Network.of(module.eval().requires_grad_(False))


def told(hertz, noise, **values):
    """A network that says the same of every frame: its pitch, 0 for none, and the share of noise."""
    config = HarmonicConfig(channels=16, noises=2, **values)
    module = Harmonic(config)
    with torch.no_grad():
        for layer in module.dense:
            layer.weight.zero_(), layer.bias.zero_()
        said = module.dense[-1].bias
        said[0] = 5.0 if hertz else -5.0
        if hertz:
            number = config.per_octave * np.log2(hertz / config.lowest)
            said[1 : 1 + config.pitches] = torch.tensor(-0.5 * (np.arange(config.pitches) - number) ** 2)
        said[1 + config.pitches :] = float(np.log(noise / (1 - noise)))
    return Network.of(module.eval().requires_grad_(False))


def log_mel(seed, frames=FRAMES):
    return np.random.default_rng(seed).normal(0.2, 0.2, (frames + 2 * CONTEXT, MEL.bands)).astype(np.float32)


def windows(mel, first=0, frames=FRAMES):
    return Windows(np.stack([mel[i : i + 7] for i in range(first, first + frames)]), None)


def sample(sampler, pieces, seed=3, temperature=1.0, mel=None):
    """A stream that is cut into pieces of so many samples."""
    mel, state, made = log_mel(seed) if mel is None else mel, sampler.start(), []
    for n in pieces:
        first = state.index // HOP
        heard = windows(mel, first, (state.index + n - 1) // HOP - first + 1)
        made.append(sampler.advance([state], [heard], [SamplingParams(seed, temperature)], n)[0])
    return np.concatenate(made)


def definition(network, mel, seed, temperature=1.0, points=512):
    """The same samples by whole spectra and a sum of cosines, in float64: [FRAMES * HOP]."""
    c, bins, frames = network.config, points // 2 + 1, len(mel) - 2 * CONTEXT
    with torch.inference_mode():
        said = network.module(torch.from_numpy(mel)[None])
    voiced = np.r_[False, said.voiced[0].numpy() > 0]
    logits = said.pitch[0].double().numpy()
    best = logits.argmax(1)
    number = best.astype(np.float64)
    for f, k in enumerate(best):
        if 0 < k < c.pitches - 1:
            left, middle, right = logits[f, k - 1 : k + 2]
            number[f] += np.clip(0.5 * (left - right) / (left - 2 * middle + right), -0.5, 0.5)
    hertz = np.where(voiced, np.r_[0, c.lowest * 2 ** (number / c.per_octave)], 0)
    share = np.r_[np.zeros((1, c.noises)), torch.sigmoid(said.noise[0]).double().numpy()]
    # Spectra of frames 0 to FRAMES: each lies in the middle of its own window.
    bank, frequency = filter_bank(MEL), np.arange(bins) * RATE / points
    widths = bank.sum(0)
    middles = np.linspace(0, RATE / 2, len(bank)) @ bank / widths
    amplitude = 10 ** (mel[CONTEXT : CONTEXT + frames + 1].astype(np.float64) - 1)
    amplitude /= np.sqrt(widths * np.square(hann_window(MEL.window)).sum())
    spectrum = np.exp([np.interp(frequency, middles, np.log(row)) for row in amplitude])
    centres = (np.arange(c.noises) + 0.5) / c.noises * (bins - 1)
    noisy = np.array([np.interp(np.arange(bins), centres, row) for row in share])
    noisy[~voiced] = 1
    cepstra = np.fft.ifft(np.log(np.concatenate([spectrum, spectrum[:, -2:0:-1]], 1)), axis=1).real
    cepstra[:, 0], cepstra[:, points // 2 :] = 0, 0
    phase = np.fft.fft(2 * cepstra, axis=1).imag[:, :bins]
    filters = spectrum * np.sqrt(1 - noisy**2) * np.exp(1j * c.minimum_phase * phase)
    filters[~voiced] = 0

    out, fade = np.zeros((frames + 2) * HOP), np.sqrt(hann_window(2 * HOP))
    for f in range(frames + 1):
        words = philox(np.full(bins, seed, np.uint64), np.arange(f * bins, (f + 1) * bins, dtype=np.uint64))
        a, b, d, e = (((words >> np.uint64(8 * i)) & np.uint64(255)).astype(np.float64) for i in range(4))
        drawn = ((a - b) + 1j * (d - e)) * spectrum[f] * noisy[f] * temperature
        drawn[0] = drawn[-1] = 0
        whole = np.fft.fft(np.concatenate([drawn, drawn[-2:0:-1].conj()])).real
        out[f * HOP : (f + 2) * HOP] += whole[: 2 * HOP] / np.sqrt(points * 2 * 65535 / 6) * fade
    out, turns = out[HOP : (frames + 1) * HOP], 0.0

    def harmonics(f, turns, begin, end, before, after):
        t = np.arange(HOP) / HOP
        at = turns + np.r_[0, np.cumsum((begin + t * (end - begin)) / RATE)]
        k = np.arange(1, int(0.49 * RATE / max(begin, end)) + 1)

        def amplitudes(filter, hertz):
            return 2 * np.sqrt(hertz / RATE) * np.interp(k * hertz / RATE * points, np.arange(bins), filter)

        first, last = amplitudes(before, begin), amplitudes(after, end)
        rising = first + t[:, None] * (last - first)
        out[f * HOP : (f + 1) * HOP] += (rising * np.exp(2j * np.pi * k * at[:-1, None])).sum(1).real
        return at[-1]

    silent = np.zeros(bins, complex)
    for f in range(frames):
        now, then, before, after = hertz[f], hertz[f + 1], filters[f], filters[f + 1]
        if now and then and now < 1.3 * then and then < 1.3 * now:
            turns = harmonics(f, turns, now, then, before, after)
            continue
        if now:
            harmonics(f, turns, now, now, before, silent)
        if then:
            turns = harmonics(f, turns, then, then, silent, after)
    return np.clip(out, -1, 1)


@pytest.mark.parametrize(
    "shape", [{}, {"layers": 3, "minimum_phase": 1.0}, {"noises": 1, "minimum_phase": 0.0}]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_it_makes_what_its_definition_says(shape, seed):
    harmonic, mel = network(seed, **shape), log_mel(seed)
    with torch.inference_mode():
        assert {*(harmonic.module(torch.from_numpy(mel)[None]).voiced[0] > 0).tolist()} == {False, True}
    made, expected = (
        sample(HarmonicSampler(harmonic, MEL), [FRAMES * HOP], 5, 0.8, mel),
        definition(harmonic, mel, 5, 0.8),
    )
    assert 0.005 < np.abs(expected).max() < 1
    assert np.abs(made - expected).max() < 1e-5


@pytest.mark.parametrize("hertz", [90.0, 233.0])
def test_it_has_the_pitch_that_the_network_says(hertz):
    mel = np.full((60, MEL.bands), 0.0, np.float32)
    made = sample(HarmonicSampler(told(hertz, 0.01), MEL), [50 * HOP], mel=mel)[10 * HOP :]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made)), 1 << 17))
    frequencies = np.arange(len(spectrum)) * RATE / (1 << 17)
    near = (frequencies > 0.7 * hertz) & (frequencies < 1.4 * hertz)
    assert abs(frequencies[near][spectrum[near].argmax()] - hertz) < 0.5
    between = np.abs(frequencies - 1.5 * hertz) < 0.1 * hertz
    assert spectrum[between].max() < 0.05 * spectrum[near].max()


@pytest.mark.parametrize(("hertz", "noise"), [(0, 0.5), (120.0, 0.3), (120.0, 0.9)])
def test_its_log_mel_is_the_one_that_is_asked_for(hertz, noise):
    bands = np.arange(MEL.bands)
    mel = np.tile(0.3 * np.cos(bands / 9) - 0.01 * bands, (110, 1)).astype(np.float32)
    made = sample(HarmonicSampler(told(hertz, noise), MEL), [100 * HOP], mel=mel)
    power = (10 ** (2 * log_mel_of_array(made, MEL)[5:95].astype(np.float64) - 2)).mean(0)
    asked = 10 ** (2 * mel[0].astype(np.float64) - 2)
    apart = 10 * np.log10(power / asked)[45:]  # in the lower bands harmonics stand alone
    assert np.abs(apart).mean() < 1 and np.abs(apart).max() < 3


def test_its_temperature_is_how_loud_the_noise_is():
    sampler, mel = HarmonicSampler(told(0, 0.5), MEL), log_mel(1)
    loud, quiet = (sample(sampler, [FRAMES * HOP], 3, t, mel) for t in (1.0, 0.25))
    assert np.allclose(quiet, 0.25 * loud, atol=1e-6) and np.abs(loud).max() > 0.005


@pytest.mark.parametrize("value", [3e38, -3e38, 50.0])
def test_log_mel_that_no_sound_has_makes_samples_all_the_same(value):
    mel = log_mel(1)
    mel[4:8] = value
    made = sample(HarmonicSampler(network(), MEL), [FRAMES * HOP], mel=mel)
    assert np.isfinite(made).all() and np.abs(made).max() <= 1


def test_its_bytes_do_not_depend_on_cuts():
    sampler = HarmonicSampler(network(), MEL)
    whole = sample(sampler, [FRAMES * HOP])
    for pieces in ([HOP] * 8, [1] * 40 + [1240], [7, 160, 320, 793], [159, 2, 1119]):
        assert sample(sampler, pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_its_bytes_do_not_depend_on_company(threads):
    sampler, seeds = HarmonicSampler(network(), MEL, threads), range(7)
    states, heard = [sampler.start() for _ in seeds], [windows(log_mel(seed)) for seed in seeds]
    together = sampler.advance(states, heard, [SamplingParams(seed, 1.0) for seed in seeds], 500)
    for seed in seeds:
        assert together[seed].tobytes() == sample(sampler, [500], seed).tobytes()


def test_its_bytes_do_not_depend_on_the_instruction_set(monkeypatch):
    found = set()
    for name in instruction_sets():
        monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
        sampler = HarmonicSampler(network(), MEL)
        assert sampler.device == name
        found.add(sample(sampler, [FRAMES * HOP]).tobytes())
    assert len(found) == 1


def test_other_rates_and_hops_are_made_too():
    mel = MelConfig(sample_rate=8000, high=4000.0, n_fft=512, window=400, hop=80, bands=40)
    module = told(100.0, 0.2, mel_bands=40, hop=80)
    sampler, frames = HarmonicSampler(module, mel), np.full((30, 40), 0.0, np.float32)
    heard = Windows(np.stack([frames[i : i + 7] for i in range(24)]), None)
    made = sampler.advance([sampler.start()], [heard], [SamplingParams(0, 1.0)], 24 * 80)[0][400:]
    lag = 20 + np.argmax([np.dot(made[:-k], made[k:]) for k in range(20, 200)])
    assert lag in (79, 80, 81, 160)


def test_a_state_of_another_network_is_refused():
    sampler, other = HarmonicSampler(network(), MEL), HarmonicSampler(network(hop=80), MelConfig(hop=80))
    with pytest.raises(ValueError, match=r"a state has \d+ numbers; it must have"):
        sampler.advance([other.start()], [windows(log_mel(0))], [SamplingParams()], 10)
    with pytest.raises(ValueError, match="windows has too few frames: 8 are needed"):
        sampler.advance([sampler.start()], [windows(log_mel(0), 0, 3)], [SamplingParams()], 8 * HOP)
