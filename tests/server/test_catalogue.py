"""What a server has to serve, and how much of it."""

import time
from dataclasses import replace

import pytest

from tests.voices_for_tests import tiny_voice
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.server import catalogue
from wavesynth.server.catalogue import Catalogue

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Names of voices of which audio was made, on a plane that all streams share and that carries one of them."""
    names = set()

    class Slow(ComposedPlane):
        def __init__(self, loaded):
            super().__init__(loaded)
            self.name = loaded.voice.name

        def advance(self, streams, n, alone=False):
            names.add(self.name)
            time.sleep(n / self.sample_rate)
            return super().advance(streams, n, alone)

    monkeypatch.setattr(catalogue, "plane_of", Slow)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return names


async def test_a_reload_measures_nothing_but_new_shapes(config, tmp_path, measured):
    folder = tmp_path / "voices"
    tiny_voice(folder, "staying")
    tiny_voice(folder, "replaced", layers=5)
    served = Catalogue(replace(config, voices=folder, live_streams=None))
    before = await served.first()
    assert measured == {"staying", "replaced"}
    measured.clear()
    tiny_voice(folder, "replaced", layers=5)
    tiny_voice(folder, "coming", layers=3)
    now, _ = served.again()
    assert now.editions["replaced"] != before.editions["replaced"]
    assert measured == {"coming"}
    assert {name: now.capacity.load[name] for name in before.voices} == before.capacity.load
