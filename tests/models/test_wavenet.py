"""The parallel WaveNet: causality, receptive field, and agreement of conditioning with its pieces."""

import pytest
import torch

from wavesynth.models.wavenet import WaveNet, WaveNetConfig

SMALL = dict(
    stacks=2, layers_per_stack=3, residual=16, skip=32, classes=32, mel_bands=6, mel_channels=8, hop=5
)


def model(**changes):
    torch.manual_seed(0)
    return WaveNet(WaveNetConfig(**SMALL | changes)).double().eval()


def test_the_default_has_fifty_layers_and_a_context_of_320_ms():
    config = WaveNetConfig()
    assert config.dilations == tuple(2**i for i in range(10)) * 5
    assert config.receptive_field == 5116  # 320 ms at 16 kHz
    assert (config.residual, config.skip, config.classes) == (64, 256, 256)


def input_jacobian(net, positions):
    """|d logits[t] / d embedding[s]| summed over channels: [T, T], zero where t does not see s."""
    embedded = torch.randn(1, positions, net.config.residual, dtype=torch.double)
    conditioning = torch.randn(1, positions // net.config.hop, net.config.layers, 32, dtype=torch.double)

    def logits(x):
        net.embedding.forward = lambda tokens: x
        return net(torch.zeros(1, positions, dtype=torch.long), conditioning)

    jacobian = torch.autograd.functional.jacobian(logits, embedded)  # [1, T, A, 1, T, R]
    return jacobian[0, :, :, 0].abs().sum((1, 3))


def test_no_sample_sees_the_future_and_the_receptive_field_is_the_formula():
    net = model()
    assert net.config.receptive_field == 15
    seen = input_jacobian(net, 30) > 0
    for t in range(30):
        for s in range(30):
            # Position s of the input holds sample s - 1, so an entry on the diagonal is the past, too.
            assert seen[t, s] == (t - net.config.receptive_field < s <= t), (t, s)


def test_conditioning_reaches_its_own_frame_and_no_earlier_one():
    net = model()
    tokens = torch.randint(32, (1, 20))
    conditioning = torch.randn(1, 4, 6, 32, dtype=torch.double)
    before = net(tokens, conditioning)
    conditioning[:, 2] += 1
    changed = (net(tokens, conditioning) != before).any(-1)[0]
    assert not changed[:10].any()
    assert changed[10:15].all()


@pytest.mark.parametrize("changes", [{"speakers": 3}, {"mel_bands": 0, "speakers": 3}, {"mel_bands": 0}, {}])
def test_local_global_both_or_no_conditioning(changes):
    net = model(**changes)
    mel = torch.randn(2, 4 + 2 * 3, 6, dtype=torch.double) if net.config.mel_bands else None
    speaker = torch.tensor([0, 2]) if net.config.speakers else None
    conditioning = net.conditioning(mel, speaker, frames=4)
    assert conditioning.shape == (2 if changes != {"mel_bands": 0} else 1, 4, 6, 32)
    if speaker is not None:
        other = net.conditioning(mel, torch.tensor([1, 2]), frames=4)
        assert not torch.equal(other[0], conditioning[0])
        assert torch.equal(other[1], conditioning[1])


def test_a_frame_of_conditioning_depends_on_its_window_alone():
    net = model()
    mel = torch.randn(1, 12, 6, dtype=torch.double)
    whole = net.conditioning(mel)[0]
    for frame in range(6):
        window = mel[:, frame : frame + 7]
        torch.testing.assert_close(net.conditioning(window)[0, 0], whole[frame])


def test_what_conditioning_lacks_or_has_too_much_is_named():
    with pytest.raises(ValueError, match="mel is missing, but mel_bands is 6"):
        model().conditioning()
    with pytest.raises(ValueError, match="speaker is given, but speakers is 0"):
        model().conditioning(torch.zeros(1, 7, 6).double(), torch.tensor([0]))
    with pytest.raises(ValueError, match=r"mel has shape \[1, 7, 5\]; it must be \[B, F \+ 6, 6\]"):
        model().conditioning(torch.zeros(1, 7, 5).double())


def test_samples_and_frames_that_do_not_match_are_an_error():
    net = model()
    with pytest.raises(ValueError, match="tokens has 9 samples, but 2 conditioning frames"):
        net(torch.zeros(1, 9, dtype=torch.long), torch.zeros(1, 2, 6, 32).double())


@pytest.mark.parametrize(
    ("name", "value"), [("stacks", 0), ("residual", 24), ("classes", 2000), ("hop", True), ("skip", 16.0)]
)
def test_a_configuration_out_of_range_names_the_field(name, value):
    with pytest.raises(ValueError, match=name):
        WaveNetConfig(**{name: value})
