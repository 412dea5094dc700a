"""Philox4x32-10 against the published known answers (Random123's kat_vectors), first word."""

import pytest

from wavesynth.sampling.philox import philox


def test_the_known_answer_for_zeros():
    assert philox(0, 0) == 0x6627E8D5


@pytest.mark.parametrize("seed", [1, 2**63 + 5])
def test_seed_and_index_use_all_their_bits(seed):
    numbers = {philox(seed ^ 1 << bit, index) for bit in range(64) for index in (0, 1 << 40)}
    assert len(numbers) == 128


def test_the_numbers_are_uniform():
    numbers = [philox(7, index) / 2**32 for index in range(4000)]
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.02
    assert abs(sum(x < 0.25 for x in numbers) / len(numbers) - 0.25) < 0.03
