"""The library as one enters it: names, imports, and what cannot be used as a sentence."""

import json
import subprocess
import sys

import numpy as np
import pytest

import wavesynth
from wavesynth.voices.folders import SHIPPED
from wavesynth.voices.voice import load_voice

RECORDING = np.random.default_rng(0).uniform(-0.3, 0.3, 1000)
MEL = np.zeros((20, 80), np.float32)


@pytest.fixture(scope="module")
def folder(two_voices):
    return two_voices


@pytest.fixture(scope="module")
def tiny(folder):
    with wavesynth.Synthesizer(folder / "tiny", threads=1) as tiny:
        yield tiny


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "exactly one of audio, mel, text and seconds must be given"),
        ({"audio": RECORDING, "mel": MEL}, "exactly one of audio, mel, text and seconds must be given"),
        (
            {"audio": iter([RECORDING]), "seconds": 1},
            "exactly one of audio, mel, text and seconds must be given",
        ),
        ({"seconds": 1.0}, "the input is seconds; voice tiny needs mel or audio"),
        ({"audio": RECORDING, "speaker": "x"}, "speaker is 'x'; voice tiny has but one, so it must be empty"),
        ({"audio": RECORDING * 1000}, "audio has floating-point samples of up to "),
        ({"audio": "hello"}, "audio has samples of type str160; they must be integers or floating point"),
        ({"audio": RECORDING, "seed": -1}, "seed is -1; it must be from 0 to 2^64 - 1"),
        ({"audio": RECORDING, "sample_rate": 100}, "sample_rate is 100; it must be from 8000 to 96000 hertz"),
        ({"mel": MEL[:, :40]}, "mel.shape[1] is 40; voice tiny needs 80"),
    ],
)
@pytest.mark.parametrize("call", ["synthesize", "stream"])
def test_what_cannot_be_used_is_a_sentence_at_once(tiny, call, given, sentence):
    with pytest.raises(ValueError) as error:
        getattr(tiny, call)(**given)
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        ([], "the input is empty; it must have at least one sample"),
        ([[0.0, np.nan]], "audio has NaN or infinite samples; they must be finite"),
        ([[[0.0]]], "audio has shape [1, 1]; it must be one channel, [n]"),
    ],
)
def test_a_piece_that_cannot_be_used_is_a_sentence_too(tiny, pieces, sentence):
    with pytest.raises(Exception) as error:
        list(tiny.stream(iter(pieces)))
    assert str(error.value) == sentence


def test_pieces_are_for_streams(tiny):
    with pytest.raises(
        ValueError, match="the input comes in pieces; it must be whole, or be given to stream"
    ):
        tiny.synthesize(iter([RECORDING]))


def test_a_voice_is_a_name_a_folder_or_one_that_is_loaded(folder):
    assert wavesynth.voices() == sorted(path.parent.name for path in SHIPPED.glob("*/voice.json"))
    assert wavesynth.load_voice("babble").name == "babble"
    for voice in (folder / "free", str(folder / "free"), load_voice(folder / "free")):
        with wavesynth.Synthesizer(voice, threads=1) as synthesizer:
            assert (synthesizer.voice.name, synthesizer.sample_rate) == ("free", 16000)
    with pytest.raises(
        ValueError, match=r"voice is 'nobody'; it must be one of allison, .*, or a voice's folder"
    ):
        wavesynth.Synthesizer("nobody")
    with pytest.raises(ValueError, match="backend is 'abacus'; it must be one of cpu, "):
        wavesynth.Synthesizer(folder / "free", backend="abacus")


def run(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_importing_it_imports_next_to_nothing_and_its_names_are_there():
    program = (
        "import sys; before = set(sys.modules); import wavesynth, json\n"
        "print(json.dumps([m for m in set(sys.modules) - before if m.startswith('wavesynth') or m == 'numpy']))\n"
        "assert {'Synthesizer', 'load_voice', 'voices', '__version__'} <= set(dir(wavesynth))\n"
        "assert wavesynth.__version__[0].isdigit() and not hasattr(wavesynth, 'speak')\n"
    )
    assert json.loads(run(program).stdout) == ["wavesynth"]


def test_nothing_of_serving_is_imported_and_a_stream_that_is_open_lets_the_process_end_quietly(folder):
    program = (
        "import sys, json, wavesynth\n"
        "synthesizer = wavesynth.Synthesizer(sys.argv[1])\n"
        "synthesizer.synthesize([0.0] * 1000)\n"
        "open_still = synthesizer.stream([0.0] * 1_000_000)\n"
        "next(open_still)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    ended = run(program, folder / "tiny")
    serving = ("grpc", "google.protobuf", "prometheus_client", "websockets", "structlog", "wavesynth.v1")
    unwanted = (*serving, "wavesynth.server", "wavesynth.clients", "wavesynth.cli")
    modules = json.loads(ended.stdout)
    assert "wavesynth.engine.engine" in modules
    assert [name for name in modules if f"{name}.".startswith(tuple(f"{part}." for part in unwanted))] == []
    assert ended.stderr == ""
