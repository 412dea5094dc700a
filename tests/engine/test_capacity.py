"""How many streams there is room for: by what they cost, and by what happens."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.engines import VOICES, from_nothing
from tests.voices_for_tests import make_text_voice
from wavesynth.engine.admission import Admission, CapacityError
from wavesynth.engine.capacity import LIMIT, LIMIT_AHEAD, Costs, measure_capacity, settled
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.scheduler import Capacity
from wavesynth.voices.loaded import LoadedVoice


class OfCores(ComposedPlane):
    """A plane whose steps are made on the core that asks."""

    batch = 4


class Six(ComposedPlane):
    """A plane of which six streams are best made together."""

    batch = 6


def measured(costs, message=0.0, workers=2, plane=OfCores):
    voices = {"free": VOICES["free"]}
    planes = {"free": plane(VOICES["free"])}
    config = EngineConfig(workers=workers)
    return measure_capacity(voices, planes, config, message, lambda key, measure: Costs(costs))


@pytest.mark.parametrize(
    ("costs", "message", "workers", "streams", "ahead"),
    [
        (((1, 0.1), (4, 0.1)), 0.0, 2, 12, 14),  # 0.6 of two cores, and 0.71
        (((1, 0.1), (4, 0.1)), 0.0, 1, 6, 7),
        (((1, 0.1), (2, 0.05), (4, 0.05)), 0.0, 2, 24, 28),  # cheaper in company
        (((1, 0.3), (2, 0.1), (4, 0.01)), 0.0, 2, 12, 14),  # two in a step, which are worth one
        (((1, 0.1), (4, 0.1)), 0.0006, 2, 7, 10),  # 0.06 of messages a second, and half of it
        (((1, 2.0),), 0.0, 2, 0, 0),
    ],
)
def test_streams_may_take_their_part_of_all_cores(costs, message, workers, streams, ahead):
    assert (LIMIT, LIMIT_AHEAD) == (0.6, 0.71)
    capacity = measured(costs, message, workers)
    assert capacity.streams("free") == streams
    assert capacity.streams("free", ahead=True) == ahead


def test_streams_in_real_time_meet_by_chance_and_others_wait_for_company():
    """In a step of three a stream costs half of what it costs in one of two, which they are by chance."""
    capacity = measured(((1, 0.3), (2, 0.2), (3, 0.1)), plane=Six)
    assert capacity.streams("free") == 6
    assert capacity.streams("free", ahead=True) == 14


def test_measuring_gives_room_for_a_tiny_voice():
    voices = {"free": VOICES["free"], "alike": VOICES["free"]}
    planes = {name: OfCores(loaded) for name, loaded in voices.items()}
    capacity = measure_capacity(voices, planes, EngineConfig())
    assert capacity.measured
    assert capacity.streams("free") == capacity.streams("alike") > 0


@pytest.mark.parametrize(("reading", "share"), [(0.03, 0.3), (0.43, 1.3)])
def test_a_stream_of_text_takes_what_reading_takes_besides(reading, share):
    reader = LoadedVoice(replace(make_text_voice(), name="free"), VOICES["free"].sampler)
    said = {}

    def costs(key, measure):
        said[key.split()[0]] = measure() if key.startswith("text") else None
        return Costs(((1, reading),)) if key.startswith("text") else Costs(((1, 0.3), (2, 0.3), (3, 0.04)))

    planes: Any = {"free": Six(reader)}
    config = EngineConfig(workers=2)
    capacity = measure_capacity({"free": reader}, planes, config, 0.001, remembered=costs)
    assert capacity.streams("free") == 3  # of 0.3 + 0.1 in 1.2
    assert capacity.ahead_share["free"] == pytest.approx(
        share * LIMIT / LIMIT_AHEAD
    )  # of 0.04 + 0.05 + reading
    assert said["text"].each(1) > 0


def test_measuring_ends_when_two_rounds_agree():
    times: Any = iter([5.0, 8.0, 4.0, 7.9, 4.0, 7.9, "too often"])
    assert settled([1, 2], lambda count: next(times)) == Costs(((1, 4.0), (2, 3.95)))
    assert next(times) == "too often"


def test_the_least_of_two_measurements_counts():
    """On a machine that is shared with others, one of them may be twice as much."""
    quick, slow = Costs(((1, 0.1), (4, 0.1))), Costs(((1, 0.2), (4, 0.05)))
    assert quick.least(slow) == slow.least(quick) == Costs(((1, 0.1), (4, 0.05)))
    assert quick.least(None) == quick == quick.least(Costs(((1, 0.05), (6, 0.05))))
    one_after_the_other: Any = iter([slow, quick])
    voices, planes = {"free": VOICES["free"]}, {"free": OfCores(VOICES["free"])}
    capacity = measure_capacity(
        voices, planes, EngineConfig(workers=1), 0.0, lambda key, measure: next(one_after_the_other)
    )
    assert capacity.streams("free") == measured(((1, 0.1), (4, 0.05)), workers=1).streams("free")


#: What `settled` gave for steps of 1, 2, 3 and 6 streams of allison-small on two cores of an AMD EPYC (Zen 4): first on
#: a quiet machine, then eight times while 21 other threads were ready to run.
MEASURED = (
    (0.2959, 0.1748, 0.1396, 0.1349),
    (0.2929, 0.1703, 0.1375, 0.1356),
    (0.2923, 0.1730, 0.1379, 0.1360),
    (0.2945, 0.1707, 0.1386, 0.1365),
    (0.2941, 0.1714, 0.1393, 0.1373),
    (0.2934, 0.1773, 0.1419, 0.1386),
    (0.2927, 0.1781, 0.1404, 0.1365),
    (0.2944, 0.1729, 0.1423, 0.1358),
    (0.2890, 0.1719, 0.1359, 0.1359),
)


def test_starts_on_a_quiet_and_on_a_busy_machine_state_the_same():
    def streams(row):
        capacity = measured(tuple(zip((1, 2, 3, 6), row, strict=True)), 150e-6, plane=Six)
        return capacity.streams("free"), capacity.streams("free", ahead=True)

    assert {streams(row) for row in MEASURED} == {(6, 9)}
    assert streams([1.5 * seconds for seconds in MEASURED[0]]) == (4, 6)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def admission():
    clock = Clock()
    admission = Admission(Capacity({"free": [(10, 1.0)]}, measured=True), 4, clock)
    admission.clock = clock
    return admission


class Open:
    voice, samples_made = "free", 0
    request = from_nothing(16000, real_time=True)
    plane = ComposedPlane(VOICES["free"])


def admits(admission, others):
    try:
        admission.check(from_nothing(16000, real_time=True), [Open()] * others)
    except CapacityError:
        return False
    return True


def late(admission, seconds=0.02, streams=8):
    admission.observe([-0.1, seconds], lambda: [from_nothing(16000, real_time=True)] * streams)


def test_a_pause_takes_a_little_room_away(admission):
    late(admission)
    assert admits(admission, 8) and not admits(admission, 9)


def test_chunks_that_are_late_again_leave_less_room_than_is_in_use(admission):
    late(admission, streams=6)
    admission.clock.now += 0.3
    late(admission, streams=6)
    assert admits(admission, 4) and not admits(admission, 5)


def test_late_chunks_of_one_step_count_once(admission):
    for _ in range(10):
        late(admission)
    assert admits(admission, 8)


def test_chunks_that_are_a_little_late_take_nothing(admission):
    late(admission, 0.009)
    assert admits(admission, 9)


def test_the_longer_chunks_are_late_the_less_room_there_is(admission):
    for _ in range(5):
        admission.clock.now += 0.3
        late(admission)
    assert admits(admission, 5) and not admits(admission, 6)


def test_room_comes_back_slowly(admission):
    late(admission)
    admission.clock.now += 2
    assert not admits(admission, 9)
    admission.clock.now += 10
    assert admits(admission, 9)


def test_a_number_that_somebody_has_said_is_kept():
    admission = Admission(Capacity.of(10, ["free"]), 4)
    late(admission, 1.0)
    assert admits(admission, 9)


@pytest.mark.parametrize(("live", "most"), [(True, 5), (False, 2)])
def test_a_client_may_have_its_share_and_always_one(live, most):
    admission = Admission(Capacity.of(10, ["free"]), 4, share=0.5)
    request = replace(from_nothing(10), live=live, client="a")
    others: Any = [SimpleNamespace(voice="free", request=replace(request, samples=None))] * 10
    admission.check(request, others[: most - 1])
    with pytest.raises(CapacityError, match=f"a has {most} of the places .* a client may have 50% of them"):
        admission.check(request, others[:most])
    admission.check(replace(request, client=""), others[:most])
    admission.check(replace(request, client="b"), others[:most])
    Admission(Capacity.of(1, ["free"]), 1, share=0.1).check(request, [])


def test_streams_that_are_made_ahead_take_a_part_of_a_place():
    admission = Admission(Capacity({"free": [(10, 1.0)]}, ahead_share={"free": 0.5}), 4)

    def full(real_time, ahead, asks):
        others: Any = [
            SimpleNamespace(request=from_nothing(16000, real_time=kind), samples_made=0, plane=Open.plane)
            for kind in [True] * real_time + [False] * ahead
        ]
        try:
            admission.check(from_nothing(10, real_time=asks), others)
        except CapacityError:
            return True
        return False

    assert not full(9, 0, asks=True) and full(10, 0, asks=True) and full(10, 0, asks=False)
    assert not full(0, 19, asks=False) and full(0, 20, asks=False)
    assert not full(4, 11, asks=False) and full(4, 12, asks=False) and full(4, 11, asks=True)


def test_one_stream_is_always_admitted(admission):
    for _ in range(100):
        admission.clock.now += 0.3
        late(admission)
    assert admits(admission, 0)


def test_a_limit_of_streams_is_one_of_all_voices_together():
    loads: Any = {"large": [(1, 0.25), (4, 0.75)], "small": [(1, 0.01), (100, 0.75)]}
    capacity = Capacity(loads, 0.75, measured=True)
    limited = capacity.at_most(6)
    assert [limited.streams(name) for name in loads] == [4, 6]
    assert not limited.fits(["large"] * 3 + ["small"] * 4) and capacity.fits(["large"] * 2 + ["small"] * 20)
    assert capacity.at_most(100) is capacity
    assert capacity.at_most(0).streams("small") == 1


def test_a_limit_of_streams_counts_those_that_are_made_ahead():
    capacity = Capacity({"free": [(10, 1.0)]}, ahead_share={"free": 0.5})
    assert capacity.at_most(20) is capacity
    assert capacity.at_most(19).most_streams("free") <= 19


def test_a_limit_takes_nothing_from_voices_that_are_below_it():
    loads: Any = {"large": [(6, 1.0)], "small": [(30, 1.0)]}
    limited = Capacity(loads, ahead_share={"large": 0.75, "small": 0.75}).at_most(8)
    assert [limited.streams("large", ahead=ahead) for ahead in (False, True)] == [6, 8]
    assert limited.most_streams("small") == 8
