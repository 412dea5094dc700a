"""wavesynth evaluate --text, with a tiny voice: which recordings are prompts, and what is measured."""

import json

import pytest
import soundfile
import torch
import typer
from typer.testing import CliRunner

from tests.voices_for_tests import make_text_voice
from wavesynth.cli.evaluate import evaluate
from wavesynth.data.prepare import FORMAT
from wavesynth.evaluation.reading import readers
from wavesynth.evaluation.reading import sentences as reading
from wavesynth.evaluation.reading.sentences import Sentence
from wavesynth.voices.voice import save_voice

app = typer.Typer()
app.command()(evaluate)
WITHOUT = ("--threads", 1, "--without", "wer,f0,dnsmos,distillmos", "--json")
#: Samples of the recordings; vm-prev is the name of one of Allison's too, which says something else.
RECORDINGS = {"long": 120_000, "short": 4000, "vm-prev": 16000, "x-1": 16000}


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """Evaluates a voice that reads on a folder as `wavesynth prepare` makes it, and with that table in it."""
    folder = tmp_path / "data"
    (folder / "audio/test").mkdir(parents=True)
    files = []
    for stem, samples in RECORDINGS.items():
        waveform = 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0))
        soundfile.write(folder / f"audio/test/{stem}.flac", waveform.numpy(), 16000)
        files.append({"stem": stem, "split": "test", "samples": samples})
    (folder / "dataset.json").write_text(json.dumps({"format": FORMAT, "sample_rate": 16000, "files": files}))
    save_voice(tmp_path / "reader", make_text_voice())
    monkeypatch.setattr(readers, "installed_readers", lambda styles: [])
    monkeypatch.setattr(reading, "shipped_texts", lambda: {"news": (Sentence("Two of us."),)})

    def run(table=None, *options):
        if table is not None:
            (folder / "transcripts.tsv").write_text("file\ttext\n" + table)
        given = (tmp_path / "reader", folder, "--text", *WITHOUT, *options)
        return CliRunner().invoke(app, [str(argument) for argument in given])

    return run


def read(result):
    """The texts that were read, in order."""
    assert result.exit_code == 0, result.output
    return [one["text"] for one in json.loads(result.stdout)["per_sentence"] if one["reader"] == "reader"]


def test_a_voice_reads_what_the_recordings_say_and_the_texts_that_ship(evaluated):
    result = evaluated("vm-prev\tOne.\n")
    assert read(result) == ["One.", "Two of us."]
    figures = json.loads(result.stdout)
    assert list(figures["sets"]["prompts"])[:3] == ["recordings", "reader, copies", "copies, corrected"]
    assert "reader" in figures["sets"]["prompts"] and "recordings" not in figures["sets"]["news"]
    costs = figures["readers"]["reader"]
    assert costs["first_audio_ms"] > 0 and costs["real_time_factor"] > 0 and costs["parameters"] > 10_000


def test_the_terminal_says_which_recordings_are_no_prompts_and_why(evaluated):
    result = evaluated("vm-prev\tOne.\nlong\tToo long.\nshort\tHm.\n")
    assert (
        "transcripts.tsv: 1 of 4 recordings of the test split; left out are 1 shorter than 1 s"
        in result.stderr
    )
    assert "1 longer than 6 s, 1 without a transcript" in result.stderr


def test_a_table_that_is_named_is_taken_in_the_place_of_the_one_that_is_kept(evaluated, tmp_path):
    (tmp_path / "other.tsv").write_text("file\ttext\nx-1.wav\tFour.\nvm-prev\tFive.\n")
    result = evaluated("vm-prev\tOne.\n", "--transcripts", tmp_path / "other.tsv", "--clips", 1)
    assert read(result) == ["Five.", "Two of us."]
    assert "the first 1 of them are read" in result.stderr


def test_without_a_transcript_of_its_own_no_recording_is_thought_to_say_what_anothers_does(evaluated):
    result = evaluated()
    assert result.exit_code == 1 and "has no transcripts.tsv; prepare it with --transcripts" in result.stderr
    result = evaluated("somebody-else\tOne.\n")
    assert result.exit_code == 1 and result.stdout == ""
    [line] = filter(str.strip, result.stderr.splitlines())
    assert line.startswith("wavesynth: no recording can be a prompt") and "2 without a transcript" in line
