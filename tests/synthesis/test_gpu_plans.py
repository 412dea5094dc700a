"""Which plan a GPU's launches are made by, with a clock that says what it is told to."""

import pytest
from triton.runtime.errors import OutOfResources

from tests.kernels.triton_networks import network
from wavesynth.kernels.triton.streams import Streams
from wavesynth.synthesis import gpu_plans
from wavesynth.synthesis.gpu_plans import Planner

NET = network((1, 2), residual=64, skip=64)


class Launcher:
    """Takes as long as `seconds` says of a plan; raises what is an exception."""

    def __init__(self, seconds):
        self.seconds, self.now, self.launched = seconds, 0.0, []

    def advance(self, streams, frames, slots, n, *, plan):
        self.launched.append((plan.name, len(slots)))
        assert len(slots) <= len(streams) and n <= NET.hop and frames.shape[1] * NET.hop >= 2 * n
        took = self.seconds.get(plan.name, 1.0)
        if isinstance(took, Exception):
            raise took
        self.now += took


@pytest.fixture
def timed(monkeypatch):
    """A planner for 2,112 streams on 132 multiprocessors, and what it timed."""

    def made(seconds, places=2112, capability=90):
        launcher = Launcher(seconds)
        monkeypatch.setattr(gpu_plans.time, "perf_counter", lambda: launcher.now)
        planner = Planner(NET, places, 132, capability)
        planner.time(launcher, Streams.empty(NET, places))
        return planner, launcher.launched

    return made


def test_the_fastest_is_taken_for_each_load(timed):
    planner, launched = timed({"8": 2.0, "8+1": 3.0, "16": 3.0, "16+1": 2.0})
    assert [planner.plan(n).name for n in (1, 208, 209, 1056, 1057, 2112)] == [
        "8+4",
        "8+4",
        *["8"] * 2,
        *["16+1"] * 2,
    ]
    assert set(launched) == {("16", 2112), ("16+1", 2112), ("8", 1024), ("8+1", 1024)}


@pytest.mark.parametrize("error", [OutOfResources(1, 0, "shared memory"), RuntimeError("too many blocks")])
def test_one_that_the_gpu_has_no_room_for_is_not_taken(timed, error):
    planner, _ = timed({"16": 3.0, "16+1": error})
    assert planner.plan(2000).name == "16"


def test_where_nothing_runs_the_first_is_left_to_say_why(timed):
    planner, _ = timed({"16": RuntimeError("no"), "16+1": RuntimeError("no")})
    assert planner.plan(2000).name == "16"


def test_nothing_is_timed_that_has_no_choice(timed):
    assert timed({}, capability=80)[1] == []
    ring, launched = timed({}, places=4)
    assert ring.plan(1).name.startswith("ring") and launched == []
