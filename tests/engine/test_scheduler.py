"""Which streams share a step, and when there is room for one more."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from wavesynth.engine.scheduler import Capacity, Scheduler, StepPlan


@dataclass
class Waiting:
    name: str
    live: bool
    voice: str = "v"
    n: int = 160
    due: float = 0.0
    first_chunk_sent: bool = True
    plane: object = field(default_factory=lambda: SimpleNamespace(batch=None))


def names(streams, capacity):
    return "".join(stream.name for stream in Scheduler(capacity, 160).schedule(streams).streams)


def live(names):
    return [Waiting(name, True) for name in names]


def offline(names):
    return [Waiting(name, False) for name in names]


def test_all_live_streams_are_in_every_step():
    assert names(live("abc"), Capacity.of(3, ["v"])) == "abc"


def test_offline_streams_fill_what_live_ones_leave_oldest_first():
    assert names([*offline("xyz"), *live("ab")], Capacity.of(4, ["v"])) == "abxy"


def test_offline_streams_wait_while_live_ones_take_everything():
    assert names([*offline("x"), *live("ab")], Capacity.of(2, ["v"])) == "ab"


def test_one_stream_is_served_even_by_a_machine_too_slow_for_it():
    assert names(offline("xy"), Capacity({"v": [(1, 5.0)]})) == "x"


def test_nothing_ready_is_an_empty_step():
    assert names([], Capacity.of(1, ["v"])) == ""


def test_an_offline_stream_that_does_not_fit_does_not_hold_up_a_cheaper_one():
    capacity = Capacity({"slow": [(1, 0.9)], "quick": [(4, 0.4)]})
    streams = [Waiting("a", False, "slow"), Waiting("b", False, "slow"), Waiting("c", False, "quick")]
    assert set(names(streams, capacity)) == {"a", "c"}


def test_loads_of_several_voices_add_up():
    capacity = Capacity({"v": [(1, 0.3), (4, 0.6)], "w": [(1, 0.5)]}, limit=0.8)
    assert capacity.fits(["v", "w"])
    assert not capacity.fits(["v", "v", "v", "w"])
    assert not capacity.fits(["w", "w"])


def test_between_measured_points_the_load_is_interpolated_and_beyond_them_there_is_no_room():
    capacity = Capacity({"v": [(2, 0.2), (4, 0.6)]}, limit=0.45)
    assert capacity.streams("v") == 3
    assert Capacity({"v": [(2, 0.2), (4, 0.6)]}, limit=10.0).streams("v") == 4


@pytest.mark.parametrize("streams", [1, 7, 1000])
def test_a_given_number_of_streams_fits_whatever_their_voices(streams):
    capacity = Capacity.of(streams, ["v", "w"])
    assert capacity.fits(["v"] * (streams // 2) + ["w"] * (streams - streams // 2))
    assert not capacity.fits(["v"] * (streams // 2) + ["w"] * (streams - streams // 2 + 1))


def test_steps_are_one_chunk_long_while_somebody_listens_and_longer_for_few_offline_streams():
    scheduler = Scheduler(Capacity.of(1, ["v"]), chunk=160)
    live, offline = Waiting("a", True), Waiting("b", False)
    assert [scheduler.samples(live, 1, count, 0) for count in (0, 1, 9)] == [160, 160, 160]
    assert [scheduler.samples(offline, 1, count, 0) for count in (1, 9)] == [160, 160]
    assert [scheduler.samples(offline, 0, count, 0) for count in (1, 2, 3, 4, 9)] == [640, 320, 160, 160, 160]


def test_a_plan_advances_streams_of_one_voice_and_length_in_one_call():
    streams = [Waiting("a", True), Waiting("b", True, "w"), Waiting("c", True), Waiting("d", True, n=80)]
    plan: Any = StepPlan.of(streams)
    assert ["".join(stream.name for stream in batch) for batch in plan.batches] == ["d", "ac", "b"]
    assert {stream.name for stream in plan.streams} == set("abcd")
