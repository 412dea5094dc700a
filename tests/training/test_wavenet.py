import numpy as np
import pytest
import torch

from tests.training.runs import prepared, values
from wavesynth.models.wavenet import WaveNet, rounded
from wavesynth.networks import Network
from wavesynth.sampling.calibration import calibrate
from wavesynth.sampling.int8 import Int8Weights
from wavesynth.training.run import parse_run
from wavesynth.training.wavenet import WaveNetTask


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return [prepared(tmp_path_factory.mktemp(f"data{i}"), seed=i) for i in range(3)]


def task(folders, **kwargs):
    configuration = parse_run(values(folders[0], **kwargs))
    torch.manual_seed(0)
    return WaveNetTask(WaveNet(configuration.model), configuration)


def test_samples_whose_context_the_crop_cuts_short_do_not_count(folders):
    t = task(folders)
    assert t.burn_in == t.model.config.receptive_field == 8
    tokens, *others = t.batch(torch.Generator().manual_seed(0), 3)
    nats = t.loss(t.model, tokens, *others)
    assert nats.shape == (3 * (640 - 8),)
    # The target that a sample is scored against is the sample after its last input.
    assert torch.equal(others[0][:, :-1], tokens[:, 1:])


def test_at_most_half_of_a_crop_does_not_count(folders):
    assert task(folders, model={"layers_per_stack": 10}).burn_in == 320
    assert task(folders, model={"layers_per_stack": 10}, data={"burn_in_samples": 600}).burn_in == 600


def test_a_speakers_folders_have_one_number(folders):
    t = task(folders, model={"speakers": 2}, data={"speakers": {"a": folders[:2], "b": folders[2:]}})
    *_, speaker = t.batch(torch.Generator().manual_seed(0), 60)
    assert set(speaker.tolist()) == {0, 1}
    assert 10 < int(speaker.sum()) < 30
    assert [int(batch[3]) for batch in t.validation(1)] == [0] * 24 + [1] * 12


def test_each_speaker_is_learned_apart(folders):
    t = task(folders, model={"speakers": 2}, data={"speakers": {"a": folders[:1], "b": folders[1:]}})
    batch = next(b for b in t.validation(1) if int(b[3]) == 1)
    t.loss(t.model, *batch).mean().backward()
    gradient = t.model.speaker.weight.grad.abs().sum(1)
    assert gradient[0] == 0 and gradient[1] > 0


@pytest.mark.parametrize("model", [{"mel_bands": 0}, {"mel_bands": 0, "speakers": 1}, {"speakers": 1}])
def test_any_conditioning_can_be_trained(folders, model):
    t = task(folders, model=model)
    t.loss(t.model, *t.batch(torch.Generator().manual_seed(0), 2)).mean().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in t.model.parameters())


def test_a_quantised_run_rounds_what_the_served_queue_rounds_and_lets_gradients_through(folders):
    exact = task(folders)
    quantised = WaveNetTask(exact.model, parse_run(values(folders[0]) | {"quantised": True}))
    quantised.calibrate(exact.model)
    batch = exact.batch(torch.Generator().manual_seed(0), 8)
    tokens, targets, *features = batch
    conditioning = exact.conditioning(exact.model, *features).detach()
    scales = calibrate(exact.model, tokens, conditioning)
    assert np.array_equal(quantised.scales, np.stack([scales.input, scales.gate], 1))
    served = Int8Weights.pack(Network.of(exact.model), scales)
    x = (torch.randn(50, 16) * 3).requires_grad_()  # some of it beyond what 8 bits hold
    ours, entered = rounded(x, quantised.scales[1, 0]), served.arithmetic.enter(1, x.detach())
    assert torch.allclose(ours * quantised.scales[1, 0], entered.float() - 128, atol=1e-3)
    ours.sum().backward()
    assert torch.equal(x.grad, torch.ones(50, 16))
    rounds = exact.model(tokens, conditioning, quantised.scales)[:, 8:].flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(rounds, targets[:, 8:].flatten(), reduction="none")
    assert torch.equal(quantised.loss(exact.model, *batch), expected)
    assert not torch.allclose(exact.loss(exact.model, *batch), expected, rtol=1e-4)


def test_a_teacher_is_learned_from_but_not_judged_by(folders):
    alone = task(folders)
    torch.manual_seed(1)
    teacher = WaveNet(alone.model.config)
    taught = WaveNetTask(alone.model, parse_run(values(folders[0]) | {"teacher_share": 0.75}), teacher)
    tokens, targets, mel, speaker = alone.batch(torch.Generator().manual_seed(0), 2)
    with torch.no_grad():
        expected = teacher(tokens, teacher.conditioning(mel)).softmax(-1)[:, 8:]
        costs = -alone.model(tokens, alone.model.conditioning(mel)).log_softmax(-1)[:, 8:]
        judged = taught.loss(alone.model, tokens, targets, mel, speaker)
    known = costs.gather(-1, targets[:, 8:, None])[..., 0]
    mixed = 0.75 * (expected * costs).sum(-1) + 0.25 * known
    assert torch.allclose(judged, known.flatten(), atol=1e-5)
    learned = taught.loss(alone.model, tokens, targets, mel, speaker)
    assert torch.allclose(learned, mixed.flatten(), atol=5e-3) and not torch.allclose(
        learned, judged, atol=0.1
    )
