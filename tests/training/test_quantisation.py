import numpy as np
import pytest
import torch

from tests.training.runs import prepared, train, values
from wavesynth.networks import Network
from wavesynth.sampling.calibration import calibrate
from wavesynth.sampling.int8 import Int8Weights
from wavesynth.training import quantisation
from wavesynth.training.checkpoint import Checkpoint, newest
from wavesynth.training.start import averaged_model
from wavesynth.training.wavenet import WaveNetTask


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    train(values(prepared(tmp_path_factory.mktemp("data"))), run := tmp_path_factory.mktemp("run"))
    model, configuration = averaged_model(Checkpoint.load(newest(run)))
    return WaveNetTask(model, configuration)


def scales(task, monkeypatch, *alphas):
    monkeypatch.setattr(quantisation, "ALPHAS", alphas)
    return quantisation.best_scales(task.model, task, torch.Generator().manual_seed(0))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


@pytest.mark.parametrize("best", [0, 1, 2])
def test_the_balance_is_the_one_whose_int8_predicts_best(task, monkeypatch, best):
    alphas, scored = (0.5, 1.0, 1.5), []

    expected = scales(task, monkeypatch, alphas[best])
    wanted = Int8Weights.pack(Network.of(task.model), expected).input_inverse_scale

    def likelihood(weights, tokens, targets, conditioning):
        scored.append(np.array_equal(weights.input_inverse_scale, wanted))
        return torch.full(targets.shape, 1.0 if scored[-1] else 2.0)

    monkeypatch.setattr(quantisation, "likelihood", likelihood)
    assert same(scales(task, monkeypatch, *alphas), expected)
    assert sorted(scored) == [False, False, True]


def test_scales_come_from_calibration_on_the_training_set(task, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    tokens, _, *features = task.batch(generator, 8)
    expected = calibrate(task.model, tokens, task.conditioning(task.model, *features), alpha=0.5)
    assert same(scales(task, monkeypatch, 0.5), expected)
