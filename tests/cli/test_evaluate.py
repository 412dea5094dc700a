"""wavesynth evaluate, with a tiny voice and without the libraries that only evaluation needs."""

import base64
import io
import json
import shutil
from importlib import import_module
from typing import get_type_hints

import numpy as np
import pytest
import soundfile
import torch
import typer
from typer.testing import CliRunner

from tests.voices_for_tests import tiny_voice
from wavesynth.cli import terminal
from wavesynth.cli.evaluate import evaluate
from wavesynth.data.prepare import FORMAT
from wavesynth.data.provenance import Provenance
from wavesynth.evaluation import measure
from wavesynth.extras import install_command

module = import_module("wavesynth.cli.evaluate")  # the package has the command by this name
app = typer.Typer()
app.command()(evaluate)
LIGHT = ("--without", ",".join(name for name, modules in measure.NAMES.items() if modules), "--threads", 1)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    tiny_voice(folder)
    tiny_voice(folder, "free", mel=False)
    tiny_voice(folder, "two", speakers=2)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder as `wavesynth prepare` makes it, with three test recordings, one of them too short to copy."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "audio/test").mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    files = []
    for stem, samples in (("long", 16800), ("short", 4000), ("vm-prev", 16000)):
        waveform = 0.1 * torch.randn(samples, generator=generator)
        soundfile.write(folder / f"audio/test/{stem}.flac", waveform.numpy(), 16000)
        files.append({"stem": stem, "split": "test", "samples": samples})
    (folder / "dataset.json").write_text(json.dumps({"format": FORMAT, "sample_rate": 16000, "files": files}))
    return folder


@pytest.fixture(scope="module")
def copied(voices, data, tmp_path_factory):
    page = tmp_path_factory.mktemp("page") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "SECONDS_BEFORE_A_LINE", 0)  # as of work that takes long
        result = run(voices / "tiny", data, *LIGHT, "--seed", 3, "--json", "--report", page)
    assert result.exit_code == 0, result.output
    return result, page.read_text("utf-8")


def test_json_is_one_object_with_the_figures_and_progress_is_not_in_it(copied):
    result, _ = copied
    figures = json.loads(result.stdout)
    assert figures["voice"] == "tiny" and figures["seed"] == 3 and figures["temperature"] == 1
    assert set(figures["bits_per_sample"]) == {"float32", "seconds", "int8", "int8_seconds", "float32_there"}
    assert figures["bits_per_sample"]["seconds"] == (16800 + 4000 + 16000) / 16000
    assert figures["clips"] == 2 and figures["clip_seconds"] == (16800 + 16000) / 16000
    assert set(figures["rows"]) == {"original", "copy", "mu_law"}
    assert figures["rows"]["mu_law"]["log_mel_db"] < figures["rows"]["copy"]["log_mel_db"]
    assert [clip["clip"] for clip in figures["per_clip"]] == ["long", "vm-prev"]
    mean = sum(clip["rows"]["copy"]["log_mel_db"] for clip in figures["per_clip"]) / 2
    assert figures["rows"]["copy"]["log_mel_db"] == pytest.approx(mean)
    assert set(figures["took_seconds"]) == {"bits", "speaking", "measuring"}
    assert "speaking: 1/2\n" in result.stderr and "measuring: 1/2\n" in result.stderr


def test_the_report_has_the_clips_to_listen_to(copied):
    _, page = copied
    assert page.count("<audio") == page.count("<img") == 4
    assert (
        "long" in page
        and "vm-prev" in page
        and "short" not in page.split("<article>", 1)[1].split("base64")[0]
    )


def test_the_same_seed_gives_the_same_copies_and_another_does_not(copied, voices, data):
    clip = soundfile.read(data / "audio/test/long.flac", dtype="float32")[0]
    speak = module._speak(voices / "tiny", 1, "cpu", {"temperature": 1.0})
    again, other = speak([(clip, 3), (clip, 4)])
    flac = base64.b64decode(copied[1].split("data:audio/flac;base64,")[2].split('"')[0])
    first = soundfile.read(io.BytesIO(flac), dtype="float32")[0]
    assert len(first) == len(clip) and np.array_equal(first, again) and not np.array_equal(first, other)


def test_what_the_voice_was_trained_on_does_not_judge_it(voices, data, tmp_path):
    shutil.copytree(voices / "tiny", tmp_path / "tiny")
    trained = [torch.from_numpy(soundfile.read(data / "audio/test/vm-prev.flac", dtype="float32")[0])[800:]]
    Provenance.of(trained, 16000, "train").save(tmp_path / "tiny")
    result = run(tmp_path / "tiny", data, *LIGHT)
    assert result.exit_code == 1 and result.stdout == ""
    assert (
        "tiny, or a voice that it began with, was trained on or chosen by 1 of the 3 recordings: vm-prev; hold out "
        "others with wavesynth prepare --test-list FILE, or say --allow-trained" in result.stderr
    )
    without = f"{LIGHT[1]},griffin-lim,mu-law"
    result = run(tmp_path / "tiny", data, "--without", without, "--threads", 1, "--json", "--allow-trained")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["heard_before"] == ["vm-prev"]
    assert any("1 of the 3 recordings: vm-prev; the figures flatter it" in note for note in figures["notes"])


def test_a_voice_that_was_chosen_by_a_recording_may_be_chosen_by_it_but_not_judged(voices, data, tmp_path):
    shutil.copytree(voices / "free", tmp_path / "free")
    shutil.copytree(data, tmp_path / "data")
    chosen = [torch.from_numpy(soundfile.read(data / "audio/test/long.flac", dtype="float32")[0])]
    Provenance.of(chosen, 16000, "validation").save(tmp_path / "free")
    assert run(tmp_path / "free", data, "--threads", 1).exit_code == 1
    (tmp_path / "data/audio/test").rename(tmp_path / "data/audio/validation")
    description = tmp_path / "data/dataset.json"
    description.write_text(description.read_text().replace('"test"', '"validation"'))
    result = run(tmp_path / "free", tmp_path / "data", "--threads", 1, "--split", "validation", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["heard_before"] == []


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--report", "page.pdf", "report is page.pdf; it must end in .html or .htm"),
        ("--picture", "clip.jpg", "picture is clip.jpg; it must end in .png"),
        ("--picture", "/dev/null/clip.png", "is below a file"),
    ],
)
def test_what_is_to_be_written_is_looked_at_before_anything_else(
    option, name, said, data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = run("no such voice", data, option, name)
    assert result.exit_code == 1 and said in result.stderr


def test_where_nobody_knows_what_a_voice_has_heard_the_report_says_so(copied):
    result, page = copied
    assert json.loads(result.stdout)["heard_before"] is None
    assert "whether it has heard these recordings is not known" in page


def test_the_speaker_is_asked_for_by_name_and_the_table_is_printed(voices, data, monkeypatch):
    asked = []

    def speak(voice, threads, backend, options):
        asked.append((voice.name, options))
        return lambda wanted: (samples / 2 for samples, _ in wanted)

    monkeypatch.setattr(module, "_speak", speak)
    result = run(voices / "two", data, *LIGHT, "--speaker", "speaker-1", "--clips", 1, "--temperature", 0.7)
    assert result.exit_code == 0, result.output
    assert asked == [("two", {"temperature": 0.7, "correction": False, "speaker": "speaker-1"})]
    assert "bits/sample in float32" in result.stdout and "log-mel dB" in result.stdout
    [row] = [line for line in result.stdout.splitlines() if "two" in line and "│" in line]
    assert "6.02" in row


def test_what_is_corrected_is_copied_without_correction_too(voices, data, monkeypatch):
    def speak(voice, threads, backend, options):
        return lambda wanted: (samples / (1 if options["correction"] else 2) for samples, _ in wanted)

    monkeypatch.setattr(module, "_speak", speak)
    result = run(voices / "tiny", data, *LIGHT, "--clips", 1, "--correction", "--json")
    rows = json.loads(result.stdout)["rows"]
    assert rows["copy"]["log_mel_db"] == 0 and rows["uncorrected"]["log_mel_db"] == pytest.approx(
        6.02, abs=0.01
    )
    light = ("--without", f"{LIGHT[1]},uncorrected", *LIGHT[2:])
    less = run(voices / "tiny", data, *light, "--correction", "--clips", 1, "--json")
    assert "uncorrected" not in json.loads(less.stdout)["rows"]


def test_a_voice_that_cannot_copy_has_its_bits_and_a_sample_and_needs_no_extra(
    voices, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(measure, "find_spec", lambda name: None)
    page = tmp_path / "free.html"
    result = run(voices / "free", data, "--threads", 1, "--json", "--report", page)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["bits_per_sample"]["float32"] > 0 and "rows" not in figures
    assert "cannot copy" in figures["notes"][0]
    assert page.read_text("utf-8").count("<audio") == 1


def test_a_missing_extra_is_one_sentence_before_any_work(voices, data, monkeypatch):
    monkeypatch.setattr(measure, "find_spec", lambda name: None)
    result = run(voices / "tiny", data, "--without", "f0,dnsmos,distillmos,wer,griffin-lim,world")
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr.splitlines() == [
        f"wavesynth: evaluating needs pesq, pystoi, visqol: {install_command('evaluate')}, "
        "or leave out what needs it with --without pesq,visqol,stoi"
    ]


def test_the_help_lists_what_can_be_left_out():
    option = get_type_hints(evaluate, include_extras=True)["without"].__metadata__[0]
    assert option.help == f"Leave out some of {','.join(measure.NAMES)}."


@pytest.mark.parametrize(
    ("voice", "options", "sentence"),
    [
        ("nobody", (), "voice is 'nobody'; it must be one of allison"),
        ("tiny", ("--without", "mos"), "without is mos; it must be some of bits, uncorrected, pesq"),
        ("tiny", (*LIGHT, "--temperature", 3), "temperature is 3.0; it must be"),
        ("tiny", (*LIGHT, "--split", "best"), "split is 'best'; it must be one of train, validation, test"),
        ("tiny", (*LIGHT, "--split", "validation"), "has no recordings in its validation split"),
        (
            "tiny",
            (*LIGHT, "--speaker", "Ann"),
            "speaker is 'Ann'; voice tiny has but one, so it must be empty",
        ),
        ("two", (*LIGHT, "--speaker", "Ann"), "the speakers of two are speaker-0, speaker-1"),
        ("tiny", (*LIGHT, "--transcripts", "nowhere.tsv"), "nowhere.tsv"),
        ("tiny", ("--text",), "voice is 'tiny', which reads no text; it must be one that does"),
        ("tiny", ("--text", "--report", "page.html"), "report and picture are of copies; with --text"),
    ],
)
def test_bad_input_is_one_sentence_that_names_it(voices, data, voice, options, sentence):
    result = run(voices / voice if (voices / voice).exists() else voice, data, *options)
    assert result.exit_code == 1 and result.stdout == ""
    [line] = filter(str.strip, result.stderr.splitlines())  # a progress bar that never began is a blank line
    assert line.startswith("wavesynth: ") and sentence in line


def test_a_folder_that_was_not_prepared_is_one_sentence(voices, tmp_path):
    result = run(voices / "tiny", tmp_path, *LIGHT)
    assert result.exit_code == 1 and "is not a prepared folder" in result.stderr
