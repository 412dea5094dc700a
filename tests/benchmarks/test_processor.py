"""Processor time and memory of a process and its children."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wavesynth.benchmarks.processor import usage

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

#: What a process spends by its own clock, and what the system must have counted of it: whole ticks, of two kinds.
SPENT, COUNTED = 0.4, 0.3
#: Spends processor time and memory in a process of the name "a) b (c", whose parent does nothing but wait.
SPENDER = f"""
import ctypes, sys, time
ctypes.CDLL(None).prctl(15, b"a) b (c")
memory = bytearray(50_000_000)
while time.process_time() < {SPENT}:
    pass
print("spent", flush=True)
sys.stdin.readline()
"""
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {SPENDER!r}])
print("ended", flush=True)
sys.stdin.read()
"""


def test_children_count_while_they_run_and_after_they_have_ended():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline() == "spent\n"
        running = usage(parent.pid)
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "ended\n"
        ended = usage(parent.pid)
        parent.stdin.close()
    assert running.seconds >= COUNTED
    assert ended.seconds >= COUNTED
    assert running.resident_bytes > ended.resident_bytes + 50_000_000


def test_a_number_that_is_no_process_is_a_sentence():
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with pytest.raises(ValueError, match=f"{gone.pid} is not the number of a process"):
        usage(gone.pid)


def test_a_process_without_children_is_itself():
    taken = usage(os.getpid())
    assert taken.seconds > 0 and taken.resident_bytes > 1_000_000
