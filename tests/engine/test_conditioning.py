"""Conditioning frames as they arrive are those of the whole mel, to the bit for any cut."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import network
from wavesynth.audio.mel import MelConfig
from wavesynth.engine.conditioning import StreamingConditioner
from wavesynth.networks import Network
from wavesynth.sampling.conditioning import conditioner_of
from wavesynth.voices.voice import Voice
from wavesynth.voices.wavenet import WaveNetKind

MODEL = network(mel_bands=6, mel_channels=8, speakers=2)
VOICE = Voice(kind="wavenet", name="v", network=Network.of(MODEL), mel=MelConfig(bands=6))
MEL = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))


def in_pieces(sizes):
    conditioner = StreamingConditioner(VOICE, speaker=1)
    frames, at = [], 0
    for size in [*sizes, 12]:
        frames.append(conditioner.push(MEL[at : at + size]))
        at = min(12, at + size)
    return torch.cat([*frames, conditioner.finish()])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=12))
def test_any_cut_gives_the_same_bits(sizes):
    assert torch.equal(in_pieces(sizes), in_pieces([]))


def test_frames_are_the_parallel_networks_with_silence_around():
    silence = torch.full((3, 6), -1.5)
    whole = MODEL.conditioning(torch.cat([silence, MEL, silence])[None], torch.tensor([1]))[0]
    torch.testing.assert_close(in_pieces([]), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("speaker", [0, 1])
def test_the_kernel_computes_what_its_definition_computes(speaker):
    assert conditioner_of(VOICE.network) is not None
    window = MEL[:7]
    expected = WaveNetKind().condition_reference(VOICE, window, speaker)
    torch.testing.assert_close(VOICE.condition(window, speaker), expected, atol=1e-6, rtol=1e-5)


def test_a_frame_comes_as_soon_as_its_three_successors_are_there():
    conditioner = StreamingConditioner(VOICE, speaker=0)
    assert [len(conditioner.push(MEL[t : t + 1])) for t in range(6)] == [0, 0, 0, 1, 1, 1]
    assert len(conditioner.finish()) == 3


@pytest.mark.parametrize(
    ("mel", "message"),
    [
        (torch.zeros(2, 5), r"mel has shape \[2, 5\]; it must be \[frames, 6\]"),
        (torch.full((2, 6), float("nan")), "mel has NaN or infinite values"),
        (torch.full((2, 6), float("inf")), "mel has NaN or infinite values"),
    ],
)
def test_a_mel_that_cannot_be_used_is_refused(mel, message):
    with pytest.raises(ValueError, match=message):
        StreamingConditioner(VOICE, speaker=0).push(mel)
