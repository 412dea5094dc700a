"""What is written aside: in order, and never waited for, whatever becomes of it."""

import os
import sys
import threading

import pytest

from tests.server.pipes import pipe
from wavesynth.server.outlet import Outlet, outlets


def read(reader, wanted):
    """What a pipe has, up to and with `wanted`."""
    got = b""
    while wanted not in got:
        got += os.read(reader, 65536)
    return got


def test_all_of_it_is_written_in_order_and_in_the_streams_encoding():
    with pipe() as (reader, stream):
        outlet = Outlet(stream)
        for number in range(1000):
            print(number, file=outlet)
        outlet.write("μ")
        outlet.end()
        assert read(reader, rb"\u03bc") == b"".join(b"%d\n" % number for number in range(1000)) + rb"\u03bc"


def test_lines_beyond_the_room_are_dropped_counted_and_told_of_when_there_is_room_again():
    told, counted = [], []

    def report(lines):
        told.append(lines)
        outlet.write(f"{lines} were lost\n")

    with pipe(full=True) as (reader, stream):
        outlet = Outlet(stream, report, room=100)
        outlet.count_lost(counted.append)
        for _ in range(30):
            outlet.write("123456789\n")
        assert counted == [0] + [1] * 20 and not told
        assert read(reader, b"were lost\n").count(b"123456789\n") == 10
        assert told == [20]
        later = []
        outlet.count_lost(later.append)
        assert later == [20]
        outlet.end()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_lines_that_cannot_be_written_are_counted_and_nobody_gets_an_error():
    lost, counted = threading.Event(), []
    with open("/dev/full", "w") as stream:
        outlet = Outlet(stream)
        outlet.count_lost(lambda lines: counted.append(lines) or (lines and lost.set()))
        outlet.write("a\nb\n")
        assert lost.wait(20)
        outlet.end()
    assert counted == [0, 2]


def test_the_end_waits_for_what_can_be_written_and_for_nothing_else():
    with pipe(full=True) as (reader, stream):
        outlet = Outlet(stream)
        outlet.write("late\n")
        outlet.end(patience=0.1)  # or this would not return
        outlet.write("too late\n")
        assert read(reader, b"late\n").endswith(b".late\n")


def test_standard_streams_are_outlets_within_and_themselves_afterwards(monkeypatch):
    with pipe() as (out, stdout), pipe() as (err, stderr):
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stderr)
        with outlets(lambda lines: None):
            print("said")
            print("logged", file=sys.stderr)
        assert (sys.stdout, sys.stderr) == (stdout, stderr)
        assert (read(out, b"\n"), read(err, b"\n")) == (b"said\n", b"logged\n")
