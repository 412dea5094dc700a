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
    since: float = 0.0
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


CORE = SimpleNamespace(batch=4)  # a plane that advances four streams best, on the core that calls


def of_cores(names, live=True, **others):
    return [Waiting(name, live, plane=CORE, **others) for name in names]


def planned(streams, live, now=0.0, workers=2, idle=None):
    scheduler = Scheduler(Capacity.of(100, ["v", "w"]), 160, workers)
    return scheduler.schedule(streams, live, now, workers if idle is None else idle)


def chosen(plan):
    return "".join(stream.name for stream in plan.streams)


def test_the_streams_whose_chunks_are_due_first_go_first():
    late, early = of_cores("ab", due=0.65), of_cores("cd", due=0.61)
    assert chosen(planned([*late, *early], live=4, now=0.6)) == "cd"


def test_a_stream_that_comes_goes_before_those_that_have_time():
    has_time, comes = of_cores("a", due=0.65), of_cores("b", due=0.6, first_chunk_sent=False)
    assert chosen(planned([*has_time, *comes], live=2, now=0.6, workers=1)) == "ba"


def test_a_stream_whose_chunk_is_nearly_due_goes_before_one_that_comes():
    pressed, comes = of_cores("a", due=0.605), of_cores("b", due=0.5, first_chunk_sent=False)
    assert chosen(planned([*comes, *pressed], live=2, now=0.6, workers=1)) == "ab"


@pytest.mark.parametrize(("idle", "names"), [(1, "abcd"), (2, "abc"), (3, "ab")])
def test_idle_workers_share_what_is_due(idle, names):
    assert chosen(planned(of_cores("abcdef"), live=6, now=1.0, workers=3, idle=idle)) == names


def test_a_stream_that_is_little_ahead_waits_a_moment_for_company():
    plan = planned(of_cores("a", due=0.99, since=0.9), live=8, now=0.9)
    assert not plan.batches
    assert 0.001 < plan.wait < 0.005
    assert chosen(planned(of_cores("a", due=0.99, since=0.9), live=8, now=0.9 + plan.wait + 1e-6)) == "a"


def test_nobody_waits_for_company_who_is_alone_or_late_or_of_whom_nothing_is_heard():
    assert chosen(planned(of_cores("a", due=0.99, since=0.9), live=2, now=0.9)) == "a"
    assert chosen(planned(of_cores("a", due=0.89, since=0.9), live=8, now=0.9)) == "a"
    assert chosen(planned(of_cores("a", since=0.9, first_chunk_sent=False), live=8, now=0.9)) == "a"


def test_company_of_another_voice_is_none():
    streams = [*of_cores("a", due=0.99, since=0.9), *of_cores("b", due=0.99, since=0.9, voice="w")]
    assert not planned(streams, live=8, now=0.9).batches


def test_a_step_that_is_large_enough_does_not_wait_and_is_not_shared_out():
    assert chosen(planned(of_cores("ab", due=0.99, since=0.9), live=8, now=0.9)) == "ab"
    assert chosen(planned(of_cores("abcd", due=0.99, since=0.9), live=8, now=0.9)) == "ab"
    for due in (1.19, 1.4):  # less ahead than is wanted, or more
        ahead = [Waiting("b", True, due=due, n=320, plane=CORE)]
        plan = planned([*of_cores("a", due=0.99, since=0.9), *ahead], live=8, now=0.9)
        assert [stream.name for stream in plan.batches[0]] == ["a", "b"]


def test_nobody_has_a_part_in_a_step_that_is_much_shorter_or_longer_than_its_own():
    for n in (60, 400):
        other = Waiting("b", True, due=0.99, n=n, plane=CORE)
        plan = planned([*of_cores("a", due=0.95), other], live=4, now=0.94, workers=1)
        assert chosen(plan) == "a"


def test_offline_streams_are_made_while_live_ones_wait_a_moment_for_company():
    streams = [*of_cores("a", due=0.99, since=0.9), *of_cores("x", live=False)]
    assert chosen(planned(streams, live=8, now=0.9)) == "x"


def test_streams_that_are_further_ahead_wait_for_company():
    plan = planned(of_cores("a", due=1.4), live=8, now=0.9)
    assert not plan.batches
    assert plan.wait == pytest.approx(0.2)
    assert chosen(planned(of_cores("a", due=1.4), live=8, now=0.9 + plan.wait + 0.001)) == "a"


def test_who_is_far_ahead_makes_a_step_of_few_a_little_larger():
    ahead = [Waiting(name, True, due=1.4, n=320, plane=CORE) for name in "bcd"]
    plan = planned([*of_cores("a", due=0.95), *ahead], live=4, now=0.9)
    assert chosen(plan) == "ab"
    assert len(plan.batches) == 1  # as long as the first one's
    assert chosen(planned([*of_cores("aefg", due=0.95), *ahead], live=7, now=0.9)) == "ae"


def test_enough_streams_do_not_wait():
    assert chosen(planned(of_cores("abcd", due=1.4), live=8, now=0.9)) == "abcd"
    assert chosen(planned(of_cores("a", due=1.4), live=1, now=0.9)) == "a"  # there is no other


def test_offline_streams_are_made_while_live_ones_wait_for_company():
    streams = [*of_cores("a", due=1.4), *of_cores("x", live=False)]
    assert chosen(planned(streams, live=8, now=0.9)) == "x"


def test_a_lone_stream_is_told_that_the_other_core_is_free():
    assert planned(of_cores("a"), live=1).alone
    assert not planned(of_cores("ab"), live=2).alone
    assert not planned(of_cores("a"), live=1, idle=1).alone


def test_a_stream_that_is_far_ahead_is_made_in_longer_chunks():
    scheduler = Scheduler(Capacity.of(1, ["v"]), chunk=160)
    (ahead,) = of_cores("a", due=10.0)
    assert [scheduler.samples(ahead, 1, 0, now) for now in (9.0, 9.9, 11.0)] == [320, 160, 160]
    (comes,) = of_cores("a", due=10.0, first_chunk_sent=False)
    assert scheduler.samples(comes, 1, 0, 0.0) == 160
