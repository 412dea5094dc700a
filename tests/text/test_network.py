"""The text network in C++: what PyTorch computes, the same bits in every instruction set, for any cut."""

import numpy as np
import pytest

from tests.voices_for_tests import make_text_voice
from wavesynth.kernels.cpu import ConvNext, instruction_sets
from wavesynth.text.network import ReferenceStack, SpeakingNetwork, native_stacks

NETWORK = make_text_voice().text_network
STACKS = tuple(NETWORK.config.stacks)
STEPS = {
    name: np.random.default_rng(0).normal(size=(37, inputs)).astype(np.float32)
    for name, (inputs, *_) in NETWORK.config.stacks.items()
}


def through(stack, steps, cut=1000):
    stream = stack.stream()
    pieces = [stream.push(steps[at : at + cut]) for at in range(0, len(steps), cut)]
    return np.concatenate([*pieces, stream.finish()])


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_gives_what_pytorch_computes(name):
    native, reference = native_stacks(NETWORK)[name], ReferenceStack(NETWORK, name)
    expected = through(reference, STEPS[name])
    assert expected.shape[0] == 37
    np.testing.assert_allclose(through(native, STEPS[name]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("set_name", instruction_sets())
def test_bits_are_the_same_in_every_instruction_set_and_for_any_cut(name, set_name):
    whole = through(native_stacks(NETWORK)[name], STEPS[name])
    stack = native_stacks(NETWORK, set_name)[name]
    for cut in (1, 3, 8, 37):
        assert np.array_equal(through(stack, STEPS[name], cut), whole)


def test_predictions_are_those_of_the_pytorch_module():
    network = SpeakingNetwork(NETWORK.config, NETWORK.weights, native_stacks(NETWORK))
    reference = SpeakingNetwork(
        NETWORK.config, NETWORK.weights, {name: ReferenceStack(NETWORK, name) for name in STACKS}
    )
    symbols, stress, clause = np.arange(9), np.arange(9) % 3, np.arange(9)
    ours, theirs = (n.predict(n.encode(symbols, stress, clause)) for n in (network, reference))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_shorter_text_than_the_kernel_is_wide_is_whole():
    native, reference = native_stacks(NETWORK)["decoder"], ReferenceStack(NETWORK, "decoder")
    steps = STEPS["decoder"][:1]
    np.testing.assert_allclose(through(native, steps), through(reference, steps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("norm.weight"), "weights lacks norm.weight"),
        (
            lambda w: w.update({"norm.bias": np.zeros(3, np.float32)}),
            r"norm.bias has shape \[3\]; it must be \[16\]",
        ),
    ],
)
def test_weights_of_another_shape_are_refused(change, message):
    prefix = "decoder."
    weights = {k.removeprefix(prefix): v for k, v in NETWORK.weights.items() if k.startswith(prefix)}
    change(weights)
    with pytest.raises(ValueError, match=message):
        ConvNext(weights, NETWORK.config.decoder_layers)


def test_no_step_follows_the_end():
    stream = native_stacks(NETWORK)["duration"].stream()
    stream.finish()
    with pytest.raises(ValueError, match="finished"):
        stream.push(STEPS["duration"])
