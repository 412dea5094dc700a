"""The Triton kernel compiled for GPUs that are not here: what it takes of them does not get worse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import triton

from wavesynth.kernels.triton.offline import sources

TABLE = Path(__file__).with_name("compiled.json")
#: Bytes of stack that could not be got rid of.
SPILLS = {
    (30, 256, "tiled 8w8", 80): 24,
    (30, 256, "tiled 16w8", 80): 40,
    (30, 256, "tiled 32w8", 80): 496,
    (30, 256, "tiled 64w8", 80): 784,
    (30, 256, "tiled 64w8", 100): 32,
    (20, 128, "persistent 4+4", 90): 48,
    (30, 256, "persistent 4+4", 90): 56,
    (50, 256, "persistent 4+4", 90): 56,
    (30, 256, "persistent 4+4", 80): 48,
    (30, 256, "persistent 4+4", 100): 72,
}
KEYS = ("layers", "skip", "config", "capability")
#: What is compiled each time, one of each kind: a quarter of a minute, where all take two.
SOME = ("tiled 16", "warp_specialized 8", "persistent 4+4")
KEPT = json.loads(TABLE.read_text("utf-8"))
#: Of the same code the same Triton makes the same: then the table stands for what is not compiled here.
KNOWN = sources() == KEPT["sources"] and {row["triton"] for row in KEPT["rows"]} == {triton.__version__}
ALL = "COMPILE_ALL" in os.environ or not KNOWN


def by_key(rows):
    return {tuple(row[key] for key in KEYS): row for row in rows}


@pytest.fixture(scope="module")
def fresh():
    """What is compiled now; in a process of its own, which does not interpret."""
    program = f"""
import json
from wavesynth.kernels.triton.offline import SHIPPED, rows
print(json.dumps(rows([v for v in SHIPPED if {ALL} or (v[0], v[2].name, v[3]) in {[(30, n, 90) for n in SOME]}])))
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"TRITON_INTERPRET": "0"},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return by_key(json.loads(run.stdout))


@pytest.fixture(scope="module")
def compiled(fresh):
    """The table as it is now: what is compiled, and what is kept of what has not changed."""
    return fresh if ALL else by_key(KEPT["rows"]) | fresh


def test_the_table_is_of_these_kernels():
    assert sources() == KEPT["sources"], "python -m wavesynth.kernels.triton.offline writes the table anew"


def test_nothing_takes_more_than_the_table_says(fresh):
    worse, kept = [], by_key(KEPT["rows"])
    for key, now in fresh.items():
        row = kept.get(key)
        if row is None or row["triton"] != triton.__version__:
            continue  # a new variant, or another compiler's figures; the bounds below are for all
        worse += [
            f"{key} {name}: {now[name]}, was {row[name]}"
            for name in ("registers", "stack", "shared", "barrier", "exchanges")
            if now[name] > row[name]
        ]
        worse += [
            f"{key} {name}: {now[name]}, was {row[name]}"
            for name in ("tensor_core", "bulk_copy")
            if now[name] != row[name]
        ]
    assert not worse


@pytest.mark.skipif(not ALL, reason="the kernels are those of the table; COMPILE_ALL=1 compiles all")
def test_what_ships_is_in_the_table(fresh):
    assert set(by_key(KEPT["rows"])) == set(fresh)


def test_sixteen_streams_leave_registers_free(compiled):
    for (*_, config, _), row in compiled_on_hopper(compiled).items():
        if config in ("tiled 16", "warp_specialized 16"):
            assert row["registers"] <= 168, row


def test_no_config_needs_a_stack_but_those_that_are_known_to(compiled):
    for key, row in compiled.items():
        assert row["stack"] <= SPILLS.get(key, 0), row


def test_the_layer_loop_reads_weights_queues_and_conditioning_only(compiled):
    streams = {"queue_ptr", "conditioning_ptr"}
    weights = {"past_weights", "current_weights", "residual_weights"}
    for (*_, config, _), row in compiled_on_hopper(compiled).items():
        if config.startswith("persistent"):
            continue  # reads none: its layers are no loop, their weights in registers
        # The weights of a warp-specialized kernel are brought by other warps than those that compute.
        expected = streams if config.startswith("warp_specialized") else streams | weights
        assert set(row["layer_loop_reads"]) == expected, row


def compiled_on_hopper(compiled):
    return {key: row for key, row in compiled.items() if key[-1] == 90}
