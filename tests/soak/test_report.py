"""A soak that broke a promise says which; one that broke none says nothing."""

import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.soak.callers import Call, Noticed, crowded
from tests.soak.machine import Stall, watched_machine
from tests.soak.picture import draw
from tests.soak.report import Look, Soak, broken, figures

SECONDS, ROUNDS = 360.0, 6
#: In the crowd's part of the second round, and after it.
CROWDED, QUIET = 80.0, 100.0


def call(begun=QUIET, code="OK", lasted=2.0, dry=(), gap=0.01):
    gaps = np.full(200, gap, np.float32)
    audio = gaps if code == "OK" else gaps[:0]
    return Call(
        "stays", "streaming", begun, lasted, code, "", np.array(dry), 0.05, audio, np.full_like(audio, 0.01)
    )


def refused(lasted):
    return call(CROWDED, "RESOURCE_EXHAUSTED", lasted)


def looks(memory=100, files=10, threads=8):
    warm = [Look(float(at), 100_000_000, at, 30, 8) for at in range(0, 360, 10)]
    return [
        Look(0.0, 90_000_000, 0.0, 10, 6),
        *warm,
        Look(361.0, memory * 1_000_000, 400.0, files, threads),
    ]


def soak(*calls, **last):
    return Soak(4, SECONDS, ROUNDS, Noticed([call(), call(CROWDED), *calls], [0.0]), looks(**last))


def test_a_soak_that_held_its_promises_says_nothing():
    assert broken(figures(soak(refused(0.01), memory=101))) == []


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (soak(refused(0.01), call(dry=[101.0, 102.0])), "at the stated capacity there were 2 underruns"),
        (soak(refused(0.01), call(CROWDED, dry=[81.0])), "with a crowd there were 1 underruns"),
        (soak(refused(0.01), call(code="INTERNAL")), "calls failed: {'INTERNAL': 1}"),
        (soak(refused(0.01), call(gap=0.02)), "a gap in 100 is 2.00 chunks"),
        (soak(refused(0.06)), "a refusal in 100 took 60 ms"),
        (soak(), "nobody of the crowd was refused"),
        (soak(refused(0.01), memory=103), "the memory grew by 3.0%"),
        (soak(refused(0.01), files=11), "11 open files were left, of 10 before"),
        (soak(refused(0.01), threads=9), "9 threads were left; in the first half there were at most 8"),
    ],
)
def test_a_broken_promise_is_named(made, sentence):
    (said,) = broken(figures(made))
    assert sentence in said


def test_an_underrun_beside_a_stall_of_the_machine_is_not_the_servers():
    made = soak(refused(0.01), call(dry=[101.0, 102.0]))
    found = figures(replace(made, stalls=[Stall(100.95, 0.03), Stall(101.7, 0.02)]))
    assert found["at_capacity"]["underruns_of_the_machine"] == 1
    assert found["machine_stalls"] == {"count": 2, "longest_ms": pytest.approx(30)}
    (said,) = broken(found)
    assert "1 underruns and 1 while the machine stood still" in said
    assert broken(figures(replace(made, stalls=[Stall(100.95, 0.03), Stall(102.01, 0.02)]))) == []


def test_the_machine_stands_still_for_a_clock_that_its_core_is_kept_from():
    def keep_a_core():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # of this thread
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO)))
        until = time.monotonic() + 0.04
        while time.monotonic() < until:
            pass

    keeping = threading.Thread(target=keep_a_core)
    with watched_machine() as machine:
        assert machine.stalls == ()
        if machine.seen:
            keeping.start()
            keeping.join()
    assert machine.seen == any(stall.seconds > 0.02 for stall in machine.stalls)


def test_memory_that_goes_up_and_down_does_not_grow_and_memory_that_goes_up_does():
    def growth(of):
        bytes_ = [Look(float(at), int(of(at)), at, 30, 8) for at in range(360)]
        last = Look(361.0, 100_000_000, 400.0, 10, 8)
        made = soak(refused(0.01))
        return figures(Soak(made.places, SECONDS, ROUNDS, made.noticed, [*bytes_, last]))["resident_growth"]

    assert growth(lambda at: 100e6 + 4e6 * (at % 2)) < 0.001
    assert growth(lambda at: 90e6 if at < 60 else 100e6) == 0
    assert growth(lambda at: 100e6 + 1e4 * at) == pytest.approx(0.0239, abs=0.001)  # 10 kB a second


def test_there_is_a_crowd_for_a_quarter_of_each_round():
    there = [crowded(time, SECONDS, ROUNDS) for time in range(360)]
    assert sum(there) == 90 and [there[n * 60 + 15 : n * 60 + 30] for n in range(6)] == [[True] * 15] * 6


def test_a_soak_is_drawn(tmp_path):
    draw(soak(refused(0.01)), tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
