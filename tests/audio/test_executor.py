"""Many streams' analysis and filters in one go are each one's alone, to the bit."""

import numpy as np
import pytest
import torch

from tests.audio.speechlike import CONFIG, mel, speechlike
from wavesynth.audio.companding import Deemphasis, deemphasize
from wavesynth.audio.correction import SpectralCorrection, correct, project
from wavesynth.audio.executor import per_stream
from wavesynth.audio.fixed_batch import FixedBatch
from wavesynth.audio.mel import features

together = FixedBatch(torch.device("cpu"), 64)


@pytest.mark.parametrize("count", [0, 1, 5, 64, 65, 130])
def test_a_row_is_the_same_alone_and_in_any_company(count):
    windows = torch.randn(count, 800, dtype=torch.float64, generator=torch.Generator().manual_seed(count))
    each = per_stream(features, windows, config=CONFIG)
    assert each.shape == (count, 80)
    assert torch.equal(together(features, windows, config=CONFIG), each)
    assert torch.equal(together(features, windows.flip(0), config=CONFIG), each.flip(0))


@pytest.mark.gpu
def test_a_row_is_the_same_alone_and_in_any_company_on_a_gpu():
    windows = torch.randn(130, 800, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    on_gpu = FixedBatch(torch.device("cuda" if torch.cuda.is_available() else "cpu"), 64)
    made = on_gpu(features, windows, config=CONFIG)
    assert torch.equal(torch.cat([on_gpu(features, row, config=CONFIG) for row in windows.split(1)]), made)
    assert torch.equal(on_gpu(features, windows.flip(0), config=CONFIG), made.flip(0))
    torch.testing.assert_close(made, per_stream(features, windows, config=CONFIG), atol=1e-6, rtol=0)


@pytest.mark.gpu
def test_a_correction_on_a_gpu_is_the_processors_whatever_was_captured_and_computed_before():
    on_gpu = FixedBatch(torch.device("cuda" if torch.cuda.is_available() else "cpu"), 64)
    for frames, count in ((4, 130), (8, 3), (4, 1), (8, 70)):
        generator = torch.Generator().manual_seed(count)
        samples = 0.1 * torch.randn(count, (frames - 1) * CONFIG.hop + CONFIG.window, generator=generator)
        target_mel, active = torch.rand(count, frames, 80, generator=generator), torch.ones(count, frames)
        made = on_gpu(project, samples, target_mel, active, config=CONFIG)
        expected = per_stream(project, samples, target_mel, active, config=CONFIG)
        torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)
        assert torch.equal(on_gpu(project, samples[:1], target_mel[:1], active[:1], config=CONFIG), made[:1])


def test_many_deemphases_are_each_ones_own():
    chunks = np.random.default_rng(0).uniform(-1, 1, (2, 7, 50))
    apart, joined = ([Deemphasis(0.85) for _ in range(7)] for _ in range(2))
    for chunk in chunks:
        expected = [one.push(row) for one, row in zip(apart, chunk, strict=True)]
        assert np.array_equal(deemphasize(joined, chunk), expected)
    assert np.array_equal(apart[3].push(chunks[0, 0]), joined[3].push(chunks[0, 0]))


def test_many_corrections_are_each_ones_own_wherever_the_streams_are():
    made = [speechlike(seed) for seed in range(3)]
    target_mel = [mel(speechlike(10 + seed)) for seed in range(3)]
    expected = []
    for frames, samples, target in zip((3, 0, 3), made, target_mel, strict=True):
        correction = SpectralCorrection(CONFIG, frames)
        expected += correct([correction], [samples], [target], [True], together)
    corrections = [SpectralCorrection(CONFIG, frames) for frames in (3, 0, 3)]
    out = [[], [], []]
    for cuts in zip(
        *(np.split(range(12_000), at) for at in ([160, 900], [700, 701], [1, 11_999])), strict=True
    ):
        ends = [cut[-1] == 11_999 for cut in cuts]
        given = [made[i][cut] for i, cut in enumerate(cuts)]
        known = [target_mel[i] if cut[0] == 0 else target_mel[i][:0] for i, cut in enumerate(cuts)]
        for i, final in enumerate(correct(corrections, given, known, ends, together)):
            out[i].append(final)
    for pieces, whole in zip(out, expected, strict=True):
        assert np.array_equal(np.concatenate(pieces), whole)
