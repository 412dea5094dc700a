"""wavesynth batch: whole files or none, what is done stays done, and the same bytes wherever they are made."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from wavesynth.cli import app


@pytest.fixture(scope="module")
def voices(two_voices):
    return two_voices


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder of six short recordings and one that is cut."""
    folder = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(0)
    for number in range(6):
        samples = random.uniform(-0.3, 0.3, 3000 + 500 * number)
        soundfile.write(folder / f"{number}.wav", samples, 16000)
    soundfile.write(folder / "long.flac", random.uniform(-0.3, 0.3, 16000 * 31), 16000)
    return folder


@pytest.fixture
def batch(voices):
    def batch(*arguments):
        return CliRunner().invoke(app, ["batch", *map(str, arguments), "--voices", str(voices)])

    return batch


def start(voices, *arguments):
    """The command in a process of its own."""
    program = [sys.executable, "-c", "from wavesynth.cli import main; main()", "batch"]
    command = [*program, *map(str, arguments), "--voices", str(voices), "--workers", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.wav")}


@pytest.fixture(scope="module")
def expected(voices, recordings, tmp_path_factory):
    """What an undisturbed run on two cores makes of the folder."""
    out = tmp_path_factory.mktemp("expected")
    process = start(voices, recordings, out, "--workers", "2", "--json")
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    figures = json.loads(stdout)
    assert (figures["entries"], figures["made"], figures["kept"], figures["failed"]) == (7, 7, 0, 0)
    assert figures["seconds"] == pytest.approx(31 + sum(3000 + 500 * i for i in range(6)) / 16000)
    assert len(contents(out)) == 7 and not (out / "errors.jsonl").exists()
    return contents(out)


def children(pid):
    try:
        return [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    except OSError:
        return []


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition):
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_stopped_at_any_moment_and_run_again_it_does_the_rest(voices, recordings, expected, batch, tmp_path):
    out = tmp_path / "out"
    for number, end in ((1, signal.SIGINT), (2, signal.SIGKILL)):
        process = start(voices, recordings, out)
        eventually(
            lambda number=number, process=process: len(contents(out)) >= number or process.poll() is not None
        )
        workers = children(process.pid)
        process.send_signal(end)
        process.wait()
        eventually(lambda workers=workers: not any(map(alive, workers)))
        if end == signal.SIGINT:
            assert process.returncode == 130
            last = process.stderr.read().splitlines()[-1]
            assert last.startswith("wavesynth: interrupted after ") and "run again to do the rest" in last
        done = contents(out)
        assert done.items() <= expected.items()  # whole files, and no others
    times = {name: (out / name).stat().st_mtime_ns for name in done}
    result = batch(recordings, out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert contents(out) == expected
    kept = [name for name, written in times.items() if (out / name).stat().st_mtime_ns == written]
    assert (
        len(kept) >= len(done) - 1
    )  # a file may be there whose entry in the journal was not when the kill came
    assert f"{7 - len(kept)} made, {len(kept)} there already, 0 failed" in result.stdout


def test_what_was_changed_is_made_again(recordings, batch, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("0.wav", "1.wav", "2.wav"):
        (folder / name).write_bytes((recordings / name).read_bytes())
    assert batch(folder, out, "--workers", 1).exit_code == 0
    before = contents(out)
    (folder / "0.wav").write_bytes((recordings / "3.wav").read_bytes())
    (out / "1.wav").unlink()
    result = batch(folder, out, "--workers", 1)
    assert "2 made, 1 there already, 0 failed" in result.stdout
    after = contents(out)
    assert after["0.wav"] != before["0.wav"] and after["1.wav"] == before["1.wav"]
    assert "3 made, 0 there already" in batch(folder, out, "--workers", 1, "--seed", 1).stdout


def test_bad_entries_are_reported_and_the_others_made(recordings, batch, tmp_path):
    lines = [
        {"audio": str(recordings / "0.wav"), "out": "a/b.flac", "voice": "tiny", "seed": 3},
        {"audio": "missing.wav"},
        {"audio": str(recordings / "1.wav"), "out": "a/b.flac"},
        {"out": "c.wav", "seconds": 0.1, "voice": "nobody"},
        {"out": "d.wav", "seconds": 0.1, "voice": "free"},
    ]
    manifest, out = tmp_path / "manifest.jsonl", tmp_path / "out"
    manifest.write_text("\n".join(map(json.dumps, lines)) + "\nnonsense\n")
    result = batch(manifest, out, "--workers", 1)
    assert result.exit_code == 1
    assert f"4 of 6 entries failed; {out / 'errors.jsonl'} says why" in result.stderr
    errors = {e["line"]: e for e in map(json.loads, (out / "errors.jsonl").read_text().splitlines())}
    assert sorted(errors) == [2, 3, 4, 6]
    assert errors[2]["error"] == f"{tmp_path / 'missing.wav'} does not exist"
    assert errors[2]["out"] == "missing.wav"
    assert errors[3]["error"] == "out is 'a/b.flac', which line 1 has already"
    assert errors[4]["error"] == "voice is 'nobody'; the voices are free, tiny"
    assert "the line is not JSON" in errors[6]["error"]
    assert (
        soundfile.info(out / "a/b.flac").format == "FLAC" and soundfile.info(out / "a/b.flac").frames == 3000
    )
    assert soundfile.info(out / "d.wav").frames == 1600
    assert {path.name for path in out.iterdir()} == {".batch", "a", "d.wav", "errors.jsonl"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a tmpfs: run as root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_it_with_one_sentence_and_no_half_file(recordings, expected, batch, small_disk):
    result = batch(recordings, small_disk / "out", "--workers", 1)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("wavesynth: ") and ("cannot be written" in last or "full" in last), last
    assert contents(small_disk / "out").items() <= expected.items()
    assert [path.name for path in (small_disk / "out").glob(".*") if path.name != ".batch"] == []


def test_two_runs_do_not_write_into_one_folder(recordings, batch, tmp_path):
    from wavesynth.batch.journal import OutputJournal

    with OutputJournal(tmp_path, "") as journal:
        journal.forget_failures()  # its first write
        result = batch(recordings, tmp_path)
    assert result.exit_code == 1
    assert result.stderr == f"wavesynth: another run is writing into {tmp_path}\n"


def test_a_cluster_makes_the_same_bytes(voices, recordings, expected, tmp_path):
    pytest.importorskip("ray.data", reason="needs Ray: pip install '.[ray]'")
    out = tmp_path / "out"
    (tmp_path / "manifest.jsonl").write_text(
        "".join(json.dumps({"audio": str(path)}) + "\n" for path in [*recordings.iterdir(), "none.wav"])
    )
    process = start(voices, tmp_path / "manifest.jsonl", out, "--ray", "local", "--workers", "2")
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stderr
    assert "7 made, 0 there already, 1 failed" in stdout
    assert contents(out) == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{tmp}/none.jsonl", "{tmp}/out"], "none.jsonl"),
        (
            ["{tmp}", "{tmp}/out"],
            "{tmp} holds no recordings; they must be .wav, .flac, ",
        ),
        (["{recordings}", "{tmp}/out", "--gpus", "0.5"], "--gpus is 0.5; it is for --ray"),
        (["{recordings}", "{tmp}/out", "--backend", "abacus"], "backend is 'abacus'"),
    ],
)
def test_what_cannot_be_begun_is_one_sentence_and_exit_code_1(
    batch, recordings, tmp_path, arguments, sentence
):
    filled = [argument.format(tmp=tmp_path, recordings=recordings) for argument in arguments]
    result = batch(*filled)
    assert result.exit_code == 1
    assert result.stderr.startswith("wavesynth: ") and sentence.format(tmp=tmp_path) in result.stderr
    assert result.stderr.count("\n") == 1
