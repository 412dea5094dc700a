"""`wavesynth bench host`: what a stream costs beside a GPU, measured without one."""

import json
import subprocess
import sys

from wavesynth.benchmarks.host import joining


def test_every_step_length_is_measured_with_and_without_a_gpu_and_grpc_last():
    command = [
        sys.executable,
        "-m",
        "wavesynth",
        "bench",
        "host",
        "--streams",
        "2",
        "--seconds",
        "0.2",
        "--json",
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    *rows, engine, grpc, shared = map(json.loads, result.stdout.splitlines())
    assert [(row["step_ms"], row["computed"]) for row in rows] == [
        (10, "here"),
        (10, "gpu"),
        (40, "here"),
        (40, "gpu"),
    ]
    assert engine["corrected"] > 0
    assert (grpc["grpc_workers"], shared["grpc_workers"]) == (0, 2)
    # What front ends do is left out of the engine's process, and counted: in so short a time it may be nothing.
    assert 0 < shared["engine"] <= shared["together"]
    # What a GPU would compute is left out: log-mel and correction take some hundred microseconds here.
    assert rows[0]["corrected"] > rows[1]["corrected"]


def test_streams_that_join_are_measured_beside_a_simulated_gpu():
    rows = list(joining([(2, False)]))
    assert [(row["step_ms"], row["neighbours"]) for row in rows] == [(10, 2), (40, 2)]
    # No stream has its audio before the GPU that is simulated could have made it.
    assert all(row["median_ms"] >= 160 / 41.34 for row in rows)
