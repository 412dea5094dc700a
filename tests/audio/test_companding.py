import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wavesynth.audio.companding import PREEMPHASIS, Deemphasis, classes_of, decode, encode, preemphasis
from wavesynth.models.wavenet import start_token


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)).clamp(-4, 4) / 8


def test_preemphasis_is_the_filter_of_its_definition() -> None:
    assert preemphasis(torch.tensor([1.0, 1.0, 0.0]), 0.5).tolist() == [1.0, 0.5, -0.5]


def test_deemphasis_undoes_preemphasis() -> None:
    x = noise(16000)
    y = Deemphasis(PREEMPHASIS).push(preemphasis(x, PREEMPHASIS).numpy())
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, x.numpy(), atol=1e-6)


@given(st.lists(st.integers(0, 700), max_size=20))
def test_deemphasised_bytes_do_not_depend_on_the_chunks(sizes: list[int]) -> None:
    x = noise(1000).numpy()
    cuts = np.minimum(np.cumsum(sizes), len(x)).astype(int)
    stream = Deemphasis(PREEMPHASIS)
    parts = [stream.push(chunk) for chunk in np.split(x, cuts)]
    assert np.concatenate(parts).tobytes() == Deemphasis(PREEMPHASIS).push(x).tobytes()


@pytest.mark.parametrize("classes", [16, 128, 256, 1024])
def test_silence_is_the_start_token(classes: int) -> None:
    assert encode(torch.zeros(5), classes).tolist() == [start_token(classes)] * 5


@pytest.mark.parametrize("classes", [16, 256, 1024])
def test_classes_stay_in_range_and_clipping_is_quiet(classes: int) -> None:
    tokens = encode(torch.tensor([3.0, -3.0]), classes)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [classes - 1, 0]


@pytest.mark.parametrize("classes", [16, 256, 1024])
def test_without_pytorch_a_sample_has_the_same_class_but_at_a_bound(classes: int) -> None:
    x = torch.cat([2 * noise(20000), torch.zeros(10), torch.tensor([1.0, -1.0, 3.0, -3.0])])
    ours, theirs = classes_of(x.numpy(), classes, 0.5), encode(x, classes, 0.5).numpy()
    different = ours != theirs
    assert ours.dtype == np.int32 and different.mean() < 1e-3
    assert (np.abs(ours - theirs)[different] == 1).all()


def test_decoded_classes_encode_to_themselves() -> None:
    tokens = torch.arange(256)
    assert torch.equal(encode(decode(tokens), coefficient=0.0), tokens)


def test_quantisation_is_as_fine_as_eight_bits_of_mu_law() -> None:
    x = noise(16000)
    y = decode(encode(x, coefficient=0.0))
    signal_to_noise = 10 * (x.square().sum() / (x - y).square().sum()).log10()
    assert 36 < signal_to_noise < 40  # G.711's is about 38 dB


def test_speech_comes_back_from_classes() -> None:
    x = torch.sin(torch.arange(8000) * 2 * torch.pi * 220 / 16000) * 0.5
    y = torch.from_numpy(Deemphasis().push(decode(encode(x)).numpy()))
    assert 10 * (x.square().sum() / (x - y).square().sum()).log10() > 30


@pytest.mark.parametrize("classes", [16, 255, 256, 1024])
def test_of_a_mid_tread_voice_silence_is_silent_and_all_but_what_is_next_to_zero_as_before(
    classes: int,
) -> None:
    silence = encode(torch.zeros(1000), classes)
    assert not Deemphasis().push(decode(silence, classes, mid_tread=True).numpy()).any()
    tokens = torch.arange(classes)
    rise, tread = decode(tokens, classes), decode(tokens, classes, mid_tread=True)
    assert torch.allclose(tread, -tread.flip(0), atol=1e-6)  # nothing shifts what is quiet
    changed = (rise != tread).nonzero().flatten().tolist()
    assert changed == ([] if classes % 2 else [classes // 2 - 1, classes // 2])


def test_quiet_noise_keeps_its_mean_in_a_mid_tread_voice() -> None:
    x = noise(32000) / 1000
    y = Deemphasis().push(decode(encode(x), mid_tread=True).numpy())
    assert abs(float(y.mean() - x.mean())) < 0.5 / 32768
