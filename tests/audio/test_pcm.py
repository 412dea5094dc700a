"""Samples of every type come out in one scale, and what is in another is refused."""

import warnings

import numpy as np
import pytest
import torch

from wavesynth.audio.pcm import as_float
from wavesynth.clients.messages import float32_bytes

CLIP = np.random.default_rng(0).integers(-127, 128, 1000, np.int8) / 128


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "scale", "zero"),
    [
        ("i1", 128, 0),
        ("u1", 128, 128),
        ("i2", 32768, 0),
        ("i4", 2**31, 0),
        ("i8", 32768, 0),
        ("f2", 1, 0),
        ("f4", 1, 0),
        ("f8", 1, 0),
    ],
)
def test_every_type_and_byte_order_is_scaled_to_one(kind, scale, zero, order):
    given = (CLIP * scale + zero).astype(order + kind)
    made = as_float(given)
    assert made.dtype == (np.float64 if kind == "f8" else np.float32) and made.dtype.isnative
    assert np.array_equal(made, CLIP)


def test_python_numbers_are_16_bit_if_they_are_whole():
    assert as_float([16384, -32768, 0]).tolist() == [0.5, -1, 0]
    assert as_float([0.5, -1.0]).tolist() == [0.5, -1]
    assert as_float([]).tolist() == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([40000, 0], "x has int64 samples from 0 to 40000; integers of that type are taken for 16-bit"),
        (np.full(9, 32768, np.uint16), "x has uint16 samples from 32768 to 32768; integers of that type"),
        (CLIP * 32768, "x has floating-point samples of up to 32512; they must be within ±1"),
        (
            CLIP.astype("f4") * -(2.0**23),
            "x has floating-point samples of up to 8.3.*e.06; they must be within",
        ),
        (CLIP * 1e300, "x has floating-point samples of up to .*e.299; they must be within ±1"),
        (CLIP * 10, "x has floating-point samples of up to 9.9.*; they must be within ±1"),
        ([0.1, np.nan], "x has NaN or infinite samples; they must be finite"),
        ([0.1, -np.inf], "x has NaN or infinite samples; they must be finite"),
        ([True, False], "x has samples of type bool; they must be integers or floating point"),
        ([1j], "x has samples of type complex128; they must be"),
        (["a"], "x has samples of type str.*; they must be"),
        ([[1, 2], [3]], "x is not an array of numbers"),
    ],
)
def test_what_has_another_scale_is_refused_by_name(given, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        as_float(given, "x")


def test_overshoot_is_no_other_scale():
    sine = np.sin(np.arange(1000))
    for peak in (1.0, 1.2, 3.0):
        assert np.array_equal(as_float(peak * sine), peak * sine)
    clicked = 0.1 * sine
    clicked[500] = 20  # one sample, not all of them
    assert np.array_equal(as_float(clicked), clicked)


def test_16_bit_samples_in_an_int32_array_are_refused_and_a_silent_room_is_not() -> None:
    samples = np.array([100, -20000, 32767], np.int32)
    with pytest.raises(
        ValueError, match=r"x has int32 samples of up to 32767, .* give 16-bit samples as int16"
    ):
        as_float(samples, "x")
    assert as_float(samples * 65536).max() > 0.99
    assert np.any(as_float(np.array([256, -512, 0], np.int32)))
    assert not np.any(as_float(np.zeros(3, np.int32)))


def test_24_bit_samples_in_an_int32_array_are_pointed_out() -> None:
    samples = np.array([100, -2_000_001, 8_388_607], np.int32)
    with pytest.warns(UserWarning, match=r"x has int32 samples of up to 8388607, .* multiply them by 256"):
        assert as_float(samples, "x").max() < 0.004
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_float(samples * 256).max() > 0.99


@pytest.mark.parametrize("tensor", [torch.zeros(3).requires_grad_(), torch.zeros(3).bfloat16()])
def test_of_a_tensor_that_numpy_cannot_read_it_is_said_what_to_give(tensor: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"x is not .* give tensor\.detach\(\)\.cpu\(\)\.float\(\)"):
        as_float(tensor, "x")


def test_clients_say_it_of_a_tensor_too() -> None:
    with pytest.raises(ValueError, match=r"audio is not .* give tensor\.detach"):
        float32_bytes(torch.zeros(3).requires_grad_())
