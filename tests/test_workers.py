import os

import pytest

from wavesynth.workers import allowed_threads, cores


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5}, raising=False)
    assert cores() == 1


@pytest.mark.parametrize("count", [6, None])
def test_where_the_system_does_not_say_cores_are_those_of_the_machine(count, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert cores() == (count or 1)


@pytest.mark.parametrize(
    ("quota", "count"), [("max 100000", 8), ("250000 100000", 2), ("20000 100000", 1), ("?", 8)]
)
def test_cores_are_no_more_than_a_containers_quota(tmp_path, monkeypatch, quota, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert cores(tmp_path / "cpu.max") == count


@pytest.mark.parametrize(
    ("asked", "count"), [(None, 8), ("", 8), ("3", 3), ("3,2", 3), ("20", 8), ("0", 8), ("many", 8)]
)
def test_arithmetic_takes_no_more_threads_than_it_is_allowed(asked, count, monkeypatch):
    monkeypatch.setattr("wavesynth.workers.cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert allowed_threads() == count
