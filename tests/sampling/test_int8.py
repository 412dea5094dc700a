"""The 8-bit arithmetic stays near the full-precision one."""

import pytest
import torch
import torch.nn.functional as F

from tests.sampling.networks import conditioning_for, float32, int8, network
from wavesynth.sampling import reference
from wavesynth.sampling.int8_arithmetic import approximate_gate, values
from wavesynth.sampling.likelihood import bits_per_sample


def test_the_gate_is_tanh_times_sigmoid_within_1e_4():
    a, b = torch.meshgrid(torch.linspace(-20, 20, 801), torch.linspace(-20, 20, 801), indexing="ij")
    h = torch.stack([a.flatten(), b.flatten()], -1)
    exact = torch.tanh(h[:, :1].double()) * torch.sigmoid(h[:, 1:].double())
    # σ's argument is halved before the limit of 5, so σ itself is 1e-4 short of its own ends, too.
    torch.testing.assert_close(approximate_gate(h).double(), exact, atol=1.5e-4, rtol=0)


def test_weights_are_rounded_to_half_their_scale():
    model = network()
    packed = int8(model).arithmetic.weights
    for name, exact in (("hidden", model.hidden.weight), ("output", model.output.weight)):
        scale = getattr(packed, f"{name}_scale")[:, None]
        inverse_scale = packed.skip_inverse_scale if name == "hidden" else packed.hidden_inverse_scale
        error = getattr(packed, name).float() * scale - exact / inverse_scale
        assert (error.abs() <= scale * 0.5001).all()


def test_the_output_weights_keep_14_bits():
    packed = int8(network()).arithmetic.weights
    assert packed.output.dtype == torch.int16
    assert packed.output.abs().amax(1).eq(2**13 - 1).all()


def test_likelihood_is_within_a_hundredth_of_a_bit():
    model = network(stacks=2, layers_per_stack=4, residual=32, skip=64, classes=64, hop=8)
    frames = 60
    conditioning = conditioning_for(model, frames)
    tokens, _ = reference.sample(
        float32(model), float32(model).start(), conditioning, reference.SamplingParams(1), 8 * frames
    )
    bits = {}
    for name, weights in (("float32", float32(model)), ("int8", int8(model))):
        state = weights.start()
        logits = []
        for t, token in enumerate(tokens):
            logits.append(reference.step(weights, state, conditioning[t // 8]))
            state.token, state.index = int(token), t + 1
        bits[name] = F.cross_entropy(torch.stack(logits), tokens).item() / 0.6931
    assert abs(bits["int8"] - bits["float32"]) < 0.01
    assert bits["float32"] < 5.9  # of 6: the network does predict something


def test_16_bit_inputs_are_exact_to_a_512th_of_the_scale_and_louder_ones_fit():
    weights = int8(network(), activation_bits=16)
    packed = weights.arithmetic.weights
    x = torch.linspace(-100, 100, 16) / packed.input_inverse_scale[0]
    held = values(weights.arithmetic.enter(0, x), packed.input_inverse_scale[0], activation_bits=16)
    assert (
        (held - x).abs() * packed.input_inverse_scale[0] <= 1.001 / 256
    ).all()  # 127 of 128 256ths, at a half
    assert (packed.input_inverse_scale.numpy() < int8(network()).input_inverse_scale).all()


def test_16_bit_activations_cost_less_likelihood():
    model = network(stacks=2, layers_per_stack=4, residual=32, skip=64, classes=64, hop=8)
    conditioning = conditioning_for(model, 60)
    exact = float32(model)
    tokens, _ = reference.sample(exact, exact.start(), conditioning, reference.SamplingParams(1), 480)
    inputs = torch.cat([torch.tensor([exact.start_token]), tokens[:-1]])
    bits = [
        bits_per_sample(weights, inputs, tokens, conditioning)
        for weights in (exact, int8(model), int8(model, activation_bits=16))
    ]
    assert abs(bits[2] - bits[0]) < abs(bits[1] - bits[0])


def test_the_next_layer_gets_16_bit_gated_activations_to_a_512th_of_the_scale():
    model = network()
    weights = int8(model, activation_bits=16)
    packed = weights.arithmetic.weights
    x = torch.linspace(-1, 1, 16) * 20 / packed.input_inverse_scale[0]
    conditioning = conditioning_for(model, 1)[0, 0]
    entry = weights.arithmetic.enter(0, x)
    made, _ = weights.arithmetic.layer(0, entry, entry, x, conditioning)
    held = values(entry, packed.input_inverse_scale[0], activation_bits=16) * packed.input_inverse_scale[0]
    h = packed.dilated[0].float() @ torch.cat([held, held]) * packed.dilated_scale[0] + conditioning
    z = approximate_gate(h) * packed.gate_inverse_scale[0]
    whole = packed.residual[0].float()
    off = (made - x - packed.residual_bias[0]) / packed.residual_scale[0] - whole @ z
    # Half a unit that the sum is rounded by, twice; 8 bits alone would be off by half a step of each activation.
    assert (off.abs() <= whole.abs().sum(1) / 500 + 1 + 1e-2).all()


@pytest.mark.parametrize("scale", [1e3, 1e-3])
def test_activations_beyond_the_calibrated_range_saturate(scale):
    weights = int8(network())
    packed = weights.arithmetic.weights
    entry = weights.arithmetic.enter(
        0, torch.linspace(-1, 1, 16) * scale * packed.input_inverse_scale[0].reciprocal() * 500
    )
    assert entry.dtype == torch.uint8
    if scale > 1:
        assert entry[0] == 0 and entry[-1] == 255
    else:
        assert (entry == 128).sum() >= 15 - 1
