"""The search for the largest load that is carried."""

import pytest

from wavesynth.benchmarks.ramp import find_capacity


@pytest.mark.parametrize("capacity", [*range(20), 63, 64, 65, 1000])
def test_the_largest_number_that_passes_is_found(capacity):
    passes = capacity.__ge__
    assert find_capacity(passes, passes, bool, 1000) == (capacity, capacity > 0)


def test_no_more_than_the_most_is_tried():
    tried = []

    def probe(streams):
        tried.append(streams)
        return True

    assert find_capacity(probe, probe, bool, 20) == (20, True)
    assert max(tried) == 20


def test_a_probe_that_fails_by_chance_is_tried_again():
    fails = iter([False, True] * 100)
    assert find_capacity(lambda n: n <= 11 and next(fails), lambda n: n <= 11, bool, 1000)[0] == 11


def test_what_probes_pass_by_chance_is_confirmed_or_lowered():
    confirmed = []

    def confirm(streams):
        confirmed.append(streams)
        return streams if streams <= 90 else 0

    assert find_capacity(lambda n: n <= 100, confirm, bool, 1000) == (89, 89)
    assert confirmed == [100, 94, 89]
    assert find_capacity(lambda n: True, lambda n: 0, bool, 3) == (0, 0)
