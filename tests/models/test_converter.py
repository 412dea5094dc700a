"""A converter hears its window and what came before, and says the same of a whole recording, a batch and a stream."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wavesynth.audio.mel import MelConfig
from wavesynth.engine.conversion import StreamingConverter
from wavesynth.engine.native_converter import convert_reference, converting
from wavesynth.models.converter import Converter, ConverterConfig

SILENCE = -1.5
MEL = torch.randn(14, 6, generator=torch.Generator().manual_seed(0))


def converter() -> Converter:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Converter(ConverterConfig(bands=6, channels=8, past=2, look_ahead=3))
    return made.requires_grad_(False).eval()


CONVERTER = converter()


def in_pieces(sizes):
    converting = StreamingConverter(CONVERTER, MelConfig())
    said, at = [], 0
    for size in [*sizes, len(MEL)]:
        said.append(converting.push(MEL[at : at + size]))
        at = min(len(MEL), at + size)
    return torch.cat([*said, converting.finish()])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 14), max_size=10))
def test_any_cut_gives_the_same_bits(sizes):
    assert torch.equal(in_pieces(sizes), in_pieces([]))


def test_a_stream_is_said_as_a_whole_recording_is():
    whole = CONVERTER.convert(torch.stack([MEL.flip(0), MEL]), SILENCE)[1]
    torch.testing.assert_close(in_pieces([]), whole, atol=1e-5, rtol=1e-5)
    assert whole.min() >= SILENCE


def test_the_kernel_computes_what_its_definition_computes():
    windows = MEL.unfold(0, CONVERTER.config.window, 1).mT.contiguous().numpy()
    memory = torch.randn(2, 8, generator=torch.Generator().manual_seed(1)).numpy() / 4
    made, after = converting(CONVERTER, SILENCE)(windows, memory)
    expected, then = convert_reference(CONVERTER, SILENCE, windows, memory)
    np.testing.assert_allclose(made, expected, atol=1e-5)
    np.testing.assert_allclose(after, then, atol=1e-5)


def test_a_frame_comes_as_soon_as_what_it_hears_is_there():
    converting = StreamingConverter(CONVERTER, MelConfig())
    assert [len(converting.push(MEL[t : t + 1])) for t in range(6)] == [0, 0, 0, 1, 1, 1]
    assert len(converting.finish()) == 3


def test_what_is_said_of_a_frame_depends_on_all_before_it_and_nothing_beyond_its_window():
    heard = MEL[None].clone().requires_grad_()
    said, _ = CONVERTER(heard)  # of frames 2 to 10
    [gradient] = torch.autograd.grad(said[0, 4].sum(), heard)  # frame 6
    assert (gradient[0, :10].abs().sum(1) > 0).all()
    assert not gradient[0, 10:].any()


def test_nats_are_those_of_a_laplace_distribution():
    made = converter()
    made.log_scale[:] = math.log(0.5)
    got = made.nll(torch.tensor([[[0.1] * 6]]), torch.tensor([[[0.4] * 6]]))
    want = -torch.distributions.Laplace(0.1, 0.5).log_prob(torch.tensor(0.4))
    torch.testing.assert_close(got, want.expand(1, 1, 6))


@pytest.mark.parametrize(
    ("mel", "message"),
    [
        (torch.zeros(2, 5), r"mel has shape \[2, 5\]; it must be \[frames, 6\]"),
        (torch.full((2, 6), float("nan")), "mel has NaN or infinite values"),
    ],
)
def test_a_mel_that_cannot_be_used_is_refused(mel, message):
    with pytest.raises(ValueError, match=message):
        StreamingConverter(CONVERTER, MelConfig()).push(mel)


@pytest.mark.parametrize("name", ["bands", "channels", "layers", "past", "look_ahead"])
def test_a_shape_that_cannot_be_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name} is -1; it must be a whole number from"):
        ConverterConfig(**{name: -1})
