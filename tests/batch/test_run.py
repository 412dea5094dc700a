"""A run does what it can, line by line, never overwrites what it has not made, and remembers what failed."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavesynth.batch.run as module
from wavesynth.batch.run import Run, run
from wavesynth.batch.work import BatchOptions, cut

DEFAULTS = {"voice": "tiny", "seed": 0, "temperature": None, "speaker": ""}


@pytest.fixture
def batch(options, worker, monkeypatch):
    """Runs in this process; the entries that were worked on are in `batch.tried`, what was said in `batch.said`."""

    class Batch:
        def work(self, left, options, workers):
            for entry in left:
                self.tried.append(entry.out)
                yield from worker(cut(entry, options))

        def __call__(self, manifest, out):
            self.tried, self.said = [], []
            summary = run(Run(manifest, out, DEFAULTS, options), say=self.said.append)
            return summary.made, summary.kept, summary.failed

    batch = Batch()
    monkeypatch.setattr(module, "on_this_machine", batch.work)
    return batch


def record(path, samples=400):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.3, 0.3, samples), 16000)
    return path


def manifest(folder, *lines):
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def errors(out):
    lines = (out / "errors.jsonl").read_text().splitlines()
    return {error["line"]: error["error"] for error in map(json.loads, lines)}


def test_a_manifest_that_the_run_would_replace_is_kept(batch, tmp_path):
    record(tmp_path / "a.wav")
    manifest = tmp_path / "out/errors.jsonl"
    manifest.parent.mkdir()
    manifest.write_text('{"audio": "../a.wav"}\n')
    with pytest.raises(ValueError, match=r"errors\.jsonl, which this run writes itself"):
        batch(manifest, tmp_path / "out")
    assert manifest.read_text() == '{"audio": "../a.wav"}\n'


def test_a_pipe_in_a_folder_of_voices_is_refused_and_not_waited_for(tmp_path):
    record(tmp_path / "in/a.wav")
    (tmp_path / "voices/a").mkdir(parents=True)
    os.mkfifo(tmp_path / "voices/a/voice.json")
    said = []

    def begin():
        try:
            run(Run(tmp_path / "in", tmp_path / "out", DEFAULTS, BatchOptions(str(tmp_path / "voices"))))
        except ValueError as error:
            said.append(str(error))

    begun = threading.Thread(target=begin, daemon=True)  # what waits for a writer waits for ever
    begun.start()
    begun.join(60)
    assert said == [f"{tmp_path}/voices/a/voice.json is a folder, a pipe or a device; it must be a file"]


@pytest.mark.parametrize("text", ["my notes\n", '{"audio": "a.wav"}\n', "[1]\n"])
def test_a_file_of_somebody_elses_is_not_replaced_by_the_list_of_errors(batch, tmp_path, text):
    record(tmp_path / "in/a.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/errors.jsonl").write_text(text)
    with pytest.raises(ValueError, match="is no list of errors of an earlier run"):
        batch(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out/errors.jsonl").read_text() == text


def test_the_folder_of_the_recordings_is_no_output_folder(batch, tmp_path):
    path = record(tmp_path / "in/a.wav")
    before = path.read_bytes()
    (tmp_path / "link").symlink_to("in")
    for out in (tmp_path / "in", tmp_path / "link", tmp_path / "in/../in"):
        with pytest.raises(
            ValueError, match="the folder of the recordings itself; it must be another folder"
        ):
            batch(tmp_path / "in", out)
    assert path.read_bytes() == before and os.listdir(tmp_path / "in") == ["a.wav"]


def test_no_recording_is_overwritten(batch, tmp_path):
    out = tmp_path / "out"
    record(out / "own.wav")
    record(tmp_path / "elsewhere.wav")
    (out / "linked.wav").symlink_to("../elsewhere.wav")
    os.link(tmp_path / "elsewhere.wav", out / "hard.wav")
    record(out / "somebodys.wav")
    (out / "dangling.wav").symlink_to("nowhere.wav")
    before = {path: path.read_bytes() for path in (*out.glob("[!d]*.wav"), tmp_path / "elsewhere.wav")}
    path = manifest(
        tmp_path,
        {"audio": "out/own.wav", "out": "own.wav"},
        {"audio": "elsewhere.wav", "out": "linked.wav"},
        {"audio": "out/own.wav", "out": "hard.wav"},
        {"audio": "elsewhere.wav", "out": "somebodys.wav"},
        {"audio": "elsewhere.wav", "out": "dangling.wav"},
        {"audio": "elsewhere.wav", "out": "new.wav"},
    )
    assert batch(path, out) == (1, 0, 5)
    assert batch.tried == ["new.wav"]
    assert errors(out) == {
        1: "out is 'own.wav', which is its own input; it must be another file",
        2: "out is 'linked.wav', which is its own input; it must be another file",
        3: "out is 'hard.wav', which is the input of line 2; it must be another file",
        4: "out is 'somebodys.wav', which is there, and which no run has made; move it away",
        5: "out is 'dangling.wav', which is there, and which no run has made; move it away",
    }
    assert {path: path.read_bytes() for path in before} == before
    # What a run has made another one replaces.
    record(tmp_path / "elsewhere.wav", 500)
    assert batch(path, out) == (1, 0, 5) and soundfile.info(out / "new.wav").frames == 500


def test_an_output_folder_below_the_recordings_is_not_read(batch, tmp_path):
    record(tmp_path / "a.wav")
    assert batch(tmp_path, tmp_path / "out") == (1, 0, 0)
    assert batch(tmp_path, tmp_path / "out") == (0, 1, 0)


def test_each_bad_line_is_its_own_error_and_the_rest_is_made(batch, tmp_path):
    good = str(record(tmp_path / "good.wav"))
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file.wav").mkdir()
    np.savez(tmp_path / "archive.npy.npz", a=np.zeros(3))
    bad = [
        {"audio": "missing.wav"},
        {"audio": "pipe.wav"},
        {"audio": "."},
        {"audio": "good.wav/below.wav"},
        {"audio": "x" * 300 + ".wav"},
        {"audio": good, "out": "x" * 260 + ".wav"},
        {"audio": good, "out": "a.wav/below.wav"},
        {"audio": good, "out": "file.wav"},
        {"audio": good, "out": "./a.wav"},
        {"mel": "archive.npy.npz"},
        {"seconds": 1e8, "out": "long.wav"},
    ]
    path = manifest(tmp_path, {"audio": good, "out": "a.wav"}, *bad, {"audio": good, "out": "z.wav"})
    assert batch(path, tmp_path / "out") == (2, 0, len(bad))
    said = errors(tmp_path / "out")
    assert sorted(said) == list(range(2, len(bad) + 2))
    assert said[2] == f"{tmp_path}/missing.wav does not exist"
    assert said[3] == f"{tmp_path}/pipe.wav is no file; it must be a file to be read"
    assert said[5].endswith("good.wav/below.wav is below a file; it must be below a folder")
    assert said[7].endswith(".wav is too long a name")
    assert said[8].endswith("a.wav/below.wav is below a file; it must be below a folder")
    assert said[10] == "out is './a.wav', which line 1 has already"


def test_what_failed_is_said_again_at_once_until_something_has_changed(batch, tmp_path, monkeypatch):
    out, broken = tmp_path / "out", tmp_path / "broken.wav"
    broken.write_text("no audio")
    path = manifest(tmp_path, {"audio": "broken.wav"})
    assert batch(path, out) == (0, 0, 1) and batch.tried == ["broken.wav"]
    first = errors(out)
    with monkeypatch.context() as patch:
        patch.setattr(module, "load_voices", lambda *_: pytest.fail("a voice was loaded"))
        assert batch(path, out) == (0, 0, 1) and batch.tried == []
        assert errors(out) == first
    broken.write_text("no audio either")
    assert batch(path, out) == (0, 0, 1) and batch.tried == ["broken.wav"]
    (out / "errors.jsonl").unlink()
    assert batch(path, out) == (0, 0, 1) and batch.tried == ["broken.wav"]
    record(broken)
    assert batch(path, out) == (1, 0, 0) and not (out / "errors.jsonl").exists()
    assert batch(path, out) == (0, 1, 0)


def test_names_that_are_not_utf8_are_made_and_kept(batch, tmp_path):
    record(tmp_path / "in/a.wav").rename(tmp_path / "in" / os.fsdecode(b"\xff.wav"))
    assert batch(tmp_path / "in", tmp_path / "out") == (1, 0, 0)
    assert b"\xff.wav" in os.listdir(os.fsencode(tmp_path / "out"))
    assert batch(tmp_path / "in", tmp_path / "out") == (0, 1, 0)
    (tmp_path / "in" / os.fsdecode(b"\xff.wav")).write_text("no audio")
    assert batch(tmp_path / "in", tmp_path / "out") == (0, 0, 1)
    assert "\\xff.wav" in errors(tmp_path / "out")[1]


def test_what_is_wrong_with_a_recording_that_is_used_is_said(batch, tmp_path):
    whole = record(tmp_path / "a.wav", 32000).read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    assert batch(manifest(tmp_path, {"audio": "a.wav"}), tmp_path / "out") == (1, 0, 0)
    assert batch.said == [f"{tmp_path}/a.wav ends early: 1.0 s are there of the 2.0 s that its header says"]


def test_what_a_killed_run_leaves_of_an_output_is_the_journals_and_has_one_name(batch, tmp_path, monkeypatch):
    class KilledError(BaseException):
        """No cleaning up is reached any more: looked at from here, as a kill would leave it."""

    found = []

    def killed(path, *_, **__):
        Path(os.fsdecode(path)).write_bytes(b"half")
        found.extend(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.wav"))
        raise KilledError

    path = manifest(tmp_path, {"audio": str(record(tmp_path / "a.wav"))})
    with monkeypatch.context() as patch:
        patch.setattr(soundfile, "write", killed)
        with pytest.raises(KilledError):
            batch(path, tmp_path / "out")
    assert [p.name for p in found] == ["part.wav"] and len(found[0].parts) == 2
    assert batch(path, tmp_path / "out") == (1, 0, 0)
    assert [p.name for p in (tmp_path / "out").rglob("*.wav")] == ["a.wav"]
