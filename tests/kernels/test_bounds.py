"""The model of docs/gpu.md explains what was measured."""

import pytest

from wavesynth.kernels.triton.bounds import BELTS, H100, MEASURED, Chain, Shape


@pytest.mark.parametrize("measured", MEASURED + BELTS, ids=lambda m: m.name)
def test_the_model_explains_the_prototypes_and_what_ships_within_a_fifth(measured):
    assert measured.chain.kilohertz(measured.shape) == pytest.approx(measured.kilohertz, rel=0.2)


def test_multiply_adds_and_bytes_are_the_networks():
    assert Shape(30).multiply_adds == 1_236_992
    assert Shape(20, skip=128).multiply_adds == 671_744
    assert Shape(30).cycles_of_bytes(H100) == 2 * 1_236_992 / 64


def test_no_plan_is_predicted_above_its_bound():
    for shape in (Shape(20, skip=128), Shape(30), Shape(50)):
        for streams, chain in (
            (1056, Chain(2, 2, 8, 4)),
            (2112, Chain(2, 2, 16, 4)),
            (4224, Chain(2, 2, 32, 8)),
            (8448, Chain(3, 5, 64, 8)),
        ):
            assert chain.kilohertz(shape) <= shape.bound(H100, streams)
