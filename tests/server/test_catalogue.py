"""What a server has to serve, and how much of it."""

import time
from dataclasses import replace

import pytest

from tests.voices_for_tests import tiny_voice
from wavesynth.engine.capacity import LIMIT
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.scheduler import Capacity
from wavesynth.server import catalogue
from wavesynth.server.catalogue import Catalogue
from wavesynth.server.processes.supervisor import ServerWithFrontEnds

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


async def test_with_front_ends_a_reload_makes_room_for_no_more_streams_than_their_memory_has(
    config, tmp_path, monkeypatch
):
    room, folder = [4], tmp_path / "voices"

    def capacity_of_machine(voices, *_):
        return Capacity({name: [(room[0], LIMIT)] for name in voices}, LIMIT, measured=True)

    monkeypatch.setattr(catalogue, "capacity_of_machine", capacity_of_machine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny_voice(folder, "staying")
    async with ServerWithFrontEnds(replace(config, voices=folder, live_streams=None, workers=1)) as server:
        room[0] = 40
        tiny_voice(folder, "coming")
        (problem,) = (await server.reload()).problems
        assert "voice coming could have more than 4 live streams" in problem
        capacity = server.engine.capacity
        assert {capacity.streams(name) for name in ("staying", "coming")} == {4}
        assert capacity.fits(["staying"] * 2 + ["coming"] * 2)
        assert not capacity.fits(["staying"] * 2 + ["coming"] * 3)
        assert not (await server.reload()).problems
        assert server.engine.capacity == capacity
