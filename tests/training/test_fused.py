"""The fused loss against its definition: WaveNet.forward and the cross-entropy."""

import pytest
import torch
import torch.nn.functional as F

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.training.fused import fused_nats, fused_probabilities, is_supported

SMALL = dict(residual=32, skip=64, classes=96, mel_bands=4, mel_channels=8, hop=32)
#: Crops of 32 times and of 1,056, which is not a whole number of tiles; dilations beyond the crop's length.
SHAPES = [(SMALL | dict(stacks=2, layers_per_stack=4), 33, 0), (SMALL | dict(stacks=1, layers_per_stack=7), 1, 5),
          (SMALL | dict(stacks=1, layers_per_stack=10, hop=160, residual=64), 9, 700)]  # fmt: skip

pytestmark = pytest.mark.skipif(
    not is_supported(WaveNetConfig(**SHAPES[0][0])), reason="this processor has no bfloat16 products"
)


def example(shape, frames):
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**shape))
    with torch.no_grad():
        model.output.weight *= 4
        model.residual_bias.normal_(std=0.1)
    tokens, targets = torch.randint(model.config.classes, (2, 3, frames * model.config.hop))
    return model, tokens, targets, torch.randn(3, frames + 2 * model.config.mel_context, 4)


def definition(model, tokens, targets, conditioning, first, inverse_scales=None):
    logits = model(tokens, conditioning, inverse_scales)[:, first:]
    return F.cross_entropy(logits.transpose(1, 2).float(), targets[:, first:], reduction="none")


def results(loss, model, tokens, targets, mel, first, **options):
    """The nats, and the gradients of a weighted sum of them."""
    model.zero_grad()
    nats = loss(model, tokens, targets, model.conditioning(mel), first, **options)
    (nats * torch.linspace(0, 1, nats.numel()).view_as(nats)).mean().backward()
    return nats.detach(), {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def in_bfloat16(*arguments, **options):
    with torch.autocast("cpu", torch.bfloat16):
        return definition(*arguments, **options)


@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize(("shape", "frames", "first"), SHAPES)
def test_loss_and_gradients_are_as_near_to_the_definition_as_autocast_is(shape, frames, first, amx):
    if amx and not torch.cpu.get_capabilities().get("amx_bf16"):
        pytest.skip("this processor has no AMX")
    case = *example(shape, frames), first
    nats, gradients = results(definition, *case)
    autocast, autocast_gradients = results(in_bfloat16, *case)
    fused, fused_gradients = results(fused_nats, *case, amx=amx)
    assert fused.shape == (3, frames * shape["hop"] - first)
    assert (fused - nats).abs().mean() < 2 * (autocast - nats).abs().mean()
    for name, gradient in gradients.items():
        error = (fused_gradients[name] - gradient).norm()
        assert error < 2.5 * (autocast_gradients[name] - gradient).norm() + 1e-6, name
        assert error < 0.15 * gradient.norm() + 1e-6, name


@pytest.mark.parametrize(("shape", "frames", "first"), SHAPES)
def test_activations_are_rounded_as_the_definition_rounds_them(shape, frames, first):
    case = *example(shape, frames), first
    c = case[0].config
    coarse = torch.rand(c.layers, 2, c.residual) + 4  # some steps for each activation: rounding is felt
    clipping = coarse * 400  # activations beyond 0.1 are not held
    exact, _ = results(definition, *case)
    for inverse_scales, share in ((coarse, 1.0), (clipping, 0.2)):
        nats, gradients = results(definition, *case, inverse_scales=inverse_scales)
        autocast, autocast_gradients = results(in_bfloat16, *case, inverse_scales=inverse_scales)
        fused, fused_gradients = results(fused_nats, *case, inverse_scales=inverse_scales)
        assert (fused - nats).abs().mean() < 2 * (autocast - nats).abs().mean()
        assert (fused - nats).abs().mean() < share * (exact - nats).abs().mean()
        for name, gradient in gradients.items():
            error = (fused_gradients[name] - gradient).norm()
            assert error < 2.5 * (autocast_gradients[name] - gradient).norm() + 1e-6, name


def test_gradients_do_not_depend_on_the_number_of_threads():
    case = *example(*SHAPES[0][:2]), 40
    _, one = results(fused_nats, *case, threads=1)
    _, three = results(fused_nats, *case, threads=3)
    assert all(torch.equal(one[name], three[name]) for name in one)


def test_one_conditioning_serves_all_crops():
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**{**SHAPES[0][0], "mel_bands": 0}))
    tokens, targets = torch.randint(96, (2, 3, 320))
    gradients = []
    for copies in (1, 3):
        model.zero_grad()
        conditioning = model.conditioning(frames=10).expand(copies, -1, -1, -1)
        fused_nats(model, tokens, targets, conditioning, 0).mean().backward()
        gradients.append(model.bias.grad.clone())
    assert gradients[0].abs().max() > 0
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7)


def test_without_gradients_the_loss_is_the_same():
    model, tokens, targets, mel = example(*SHAPES[0][:2])
    with_gradients = fused_nats(model, tokens, targets, model.conditioning(mel), 7)
    with torch.no_grad():
        assert torch.equal(fused_nats(model, tokens, targets, model.conditioning(mel), 7), with_gradients)


def test_other_shapes_are_left_to_pytorch():
    assert not is_supported(WaveNetConfig(residual=48))
    assert not is_supported(WaveNetConfig(hop=80))


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_teacher_is_a_share_of_the_targets(share):
    model, tokens, targets, mel = example(*SHAPES[0][:2])
    case = (model, tokens, targets, mel, 40)
    teacher = torch.randn(3, tokens.shape[1], 96).mul(3).softmax(-1)

    def taught(model, tokens, targets, conditioning, first):
        log_p = model(tokens, conditioning)[:, first:].float().log_softmax(-1)
        both = share * teacher[:, first:] + (1 - share) * F.one_hot(targets[:, first:], 96)
        return -(both * log_p).sum(-1)

    nats, gradients = results(taught, *case)
    fused, fused_gradients = results(fused_nats, *case, teacher=teacher.bfloat16(), share=share)
    alone, _ = results(fused_nats, *case)
    assert (fused - nats).abs().mean() < 0.1 * (alone - nats).abs().mean()
    for name, gradient in gradients.items():
        assert (fused_gradients[name] - gradient).norm() < 0.15 * gradient.norm() + 1e-6, name


def test_probabilities_are_the_softmax_of_the_logits():
    model, tokens, _, mel = example(*SHAPES[0][:2])
    with torch.no_grad():
        conditioning = model.conditioning(mel)
        expected = model(tokens, conditioning).softmax(-1)
    found = fused_probabilities(model, tokens, conditioning, 40)[:, 40:].float()
    assert (found - expected[:, 40:]).abs().max() < 0.05 * expected.max()
    assert torch.allclose(found.sum(-1), torch.ones(3, found.shape[1]), atol=0.01)
