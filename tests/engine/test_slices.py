"""A worker lets others interrupt it, and is otherwise as it was."""

import os
import platform
import sys
import threading
from pathlib import Path

import pytest

from wavesynth.engine.slices import ask_for_long_slices


def in_a_thread(function):
    made = []
    thread = threading.Thread(target=lambda: made.append(function()))
    thread.start()
    thread.join()
    return made[0]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such slices")
def test_only_the_thread_that_asks_has_long_slices():
    def look():
        before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
        asked = ask_for_long_slices()
        return asked, before, (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)), slice_of()

    asked, before, after, long = in_a_thread(look)
    assert after == before
    assert asked == (before[0] == os.SCHED_OTHER and platform.machine() in ("x86_64", "aarch64"))
    if asked and long:
        assert long > (slice_of() or 0)


def slice_of():
    """Nanoseconds of this thread's slices, if this kernel says so."""
    try:
        lines = Path("/proc/thread-self/sched").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split(":")[1]) for line in lines if line.startswith("se.slice")), None)
