"""The bare sampler is measured of a voice of any kind that has one of its own."""

import shutil

import pytest

from wavesynth.benchmarks.bare import BareSampler
from wavesynth.voices.folders import SHIPPED


@pytest.mark.parametrize("name", ["babble", "allison-flow"])
def test_a_sampler_is_measured_by_itself(name, tmp_path):
    shutil.copytree(SHIPPED / name, tmp_path / name)
    bare = BareSampler(tmp_path, name)
    bare.measure()
    assert all(seconds > 0 for seconds in bare.processor_seconds.values())
    assert bare.samples_per_second(0.1) > 0
