"""The Triton kernel compiled for GPUs that are not here: what it takes of them does not get worse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import triton

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


@pytest.fixture(scope="module")
def compiled():
    """The table as it is now; in a process of its own, which does not interpret."""
    program = "from wavesynth.kernels.triton.offline import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"TRITON_INTERPRET": "0"},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return {tuple(row[key] for key in KEYS): row for row in json.loads(run.stdout)}


def test_nothing_takes_more_than_the_table_says(compiled):
    worse, seen = [], set()
    for row in json.loads(TABLE.read_text("utf-8")):
        key = tuple(row[name] for name in KEYS)
        now = compiled[key]
        seen.add(key)
        if row["triton"] != triton.__version__:
            continue  # another compiler's figures; the bounds below are for all
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
    assert seen == set(compiled), "what ships is not what is in the table"


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
