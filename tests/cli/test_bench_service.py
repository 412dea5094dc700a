"""wavesynth bench service, against small servers."""

import json
import os
import subprocess
import sys

import pytest


def bench(*words):
    """Runs the command with two short calls; its result, and what it says to standard error."""
    line = [sys.executable, "-m", "wavesynth", "bench", "service", "--calls", "2", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    if done.returncode:
        return None, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def loaded(two_voices):
    """Three streams, by turns of both kinds, at a server that admits two."""
    words = ("--streams", 3, "--seconds", 4, "--load", "both", "--server-options", "--live-streams 2")
    result, said = bench("--voices", two_voices, *words, "--json")
    assert result is not None, said
    return result


def test_admitted_and_refused_calls_are_reported_with_what_was_heard(loaded):
    assert (loaded["streams"], loaded["admitted"], loaded["refused"], loaded["failed"]) == (3, 2, 1, {})
    assert loaded["underruns"] == sum(loaded["underruns_by_load"].values())
    assert loaded["time_to_first_audio_ms"]["p50"] > 0 and loaded["chunk_gap_ms"]["max"] > 0
    assert loaded["capacity"] is None
    assert loaded["joined"] + loaded["joining_refused"] >= 1


def test_the_server_its_listeners_and_the_bare_sampler_stand_side_by_side(loaded):
    server = loaded["server_processor_seconds_per_second"]
    assert server > 0 and loaded["listeners_processor_seconds_per_second"] > 0
    bare = loaded["bare_sampler_processor_seconds_per_second"]
    assert loaded["server_over_bare_sampler"] == {n: pytest.approx(server / bare[n]) for n in ("1", "8")}
    memory = loaded["server_memory_mb"]
    assert 10 < memory["start"] <= memory["peak"] and memory["end"] <= memory["peak"]
    assert loaded["service_over_engine"] == pytest.approx(
        loaded["service_samples_per_second"] / loaded["engine_samples_per_second"]
    )


def test_the_capacity_that_is_found_is_no_more_than_is_admitted(two_voices):
    words = ("--find-capacity", "--seconds", 1, "--server-options", "--live-streams 2")
    result, said = bench("--voices", two_voices, *words, "--json")
    assert result is not None, said
    assert result["capacity"]["admitted"] == 2
    assert result["streams"] == result["capacity"]["streams"] <= 2
    assert "at once 1, for 1 s: underruns " in said


def test_a_service_that_runs_already_is_measured_with_its_process(address):
    words = ("--address", address, "--streams", 1, "--seconds", 1, "--json", "--server-pid", os.getpid())
    result, said = bench(*words)
    assert result is not None, said
    assert result["server_processor_seconds_per_second"] > 0
    assert result["bare_sampler_processor_seconds_per_second"] is None  # no shipped voice is called tiny


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--server-pid", "1"], "--server-pid is given without --address"),
        (
            ["--address", "localhost:1", "--server-options", "--web"],
            "--server-options are for a server that is",
        ),
        (["--address", "localhost:1"], "nothing answers at localhost:1"),
        (["--server-options", "--threads none"], "the server did not start: "),
        (["--server-options", "'"], '--server-options is "\'": No closing quotation'),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(words, sentence):
    result, said = bench(*words)
    assert result is None
    assert said.startswith(f"wavesynth: {sentence}") and said.count("\n") == 1


def test_a_voice_that_there_is_not_or_that_takes_no_audio_is_a_sentence(address):
    assert (
        "--voice is 'nobody'; the voices are free, tiny"
        in bench("--address", address, "--voice", "nobody")[1]
    )
    words = ("--address", address, "--voice", "free", "--load", "bidirectional")
    assert "--load is bidirectional; free takes a duration" in bench(*words)[1]


def test_texts_are_read_and_a_book_is_begun(a_reader):
    words = ("--text", "--voices", a_reader, "--streams", 1, "--seconds", 2, "--json")
    result, said = bench(*words, "--server-options", "--live-streams 2")
    assert result is not None, said
    assert (result["voice"], result["failed"]) == ("reader", {})
    assert result["time_to_first_audio_of_a_book_ms"]["p50"] > 0
