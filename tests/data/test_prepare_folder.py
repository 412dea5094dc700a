"""wavesynth.data.prepare and the journal behind it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

import wavesynth.data.prepare as module
from wavesynth.data.prepare import Options, prepare
from wavesynth.data.split import SPLITS, split_of

NAMES = ("hello", "goodbye", "digits/1", "digits/2", "digits/3")


def record(path: Path, seconds: float = 0.5, seed: int = 0, rate: int = 16000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(seed))
    soundfile.write(path, noise.numpy(), rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        record(tmp_path / "voice" / f"{name}.wav", seed=seed)
    return tmp_path / "voice"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the recordings that are read, as they are."""
    names: list[str] = []

    def read(path: Path, sample_rate: int) -> torch.Tensor:
        names.append(path.name)
        return original(path, sample_rate)

    original = module.read
    monkeypatch.setattr(module, "read", read)
    return names


def snapshot(out: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def contents(out: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in snapshot(out).items() if name != "prepare.jsonl"}


def test_every_recording_becomes_flac_in_the_split_of_its_stem(folder: Path, tmp_path: Path) -> None:
    record(folder / "stereo.ogg", rate=44100)
    dataset = prepare(folder, tmp_path / "out")
    assert json.loads((tmp_path / "out/dataset.json").read_text()) == dataset
    stems = {name.replace("/", "_") for name in (*NAMES, "stereo")}
    assert {file["stem"] for file in dataset["files"]} == stems
    seconds = dict.fromkeys(("train", "validation", "test"), 0.0)
    for file in dataset["files"]:
        assert file["split"] == split_of(file["stem"])
        info = soundfile.info(tmp_path / "out/audio" / file["split"] / f"{file['stem']}.flac")
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert info.frames == file["samples"]
        seconds[file["split"]] += file["samples"] / 16000
    assert dataset["seconds"] == pytest.approx(seconds, abs=1e-3)
    assert dataset["skipped"] == [] and dataset["sample_rate"] == 16000


def test_a_second_run_writes_nothing(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    (folder / "broken.wav").write_text("no audio")
    prepare(folder, tmp_path / "out")
    before, opened[:] = snapshot(tmp_path / "out"), []
    prepare(folder, tmp_path / "out")
    assert snapshot(tmp_path / "out") == before
    assert opened == []


def test_only_what_changed_is_done_again(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    prepare(folder, tmp_path / "out")
    opened.clear()
    record(folder / "hello.wav", seconds=0.7)
    record(folder / "new.wav")
    (folder / "goodbye.wav").unlink()
    dataset = prepare(folder, tmp_path / "out")
    assert sorted(opened) == ["hello.wav", "new.wav"]
    assert {file["stem"]: file["samples"] for file in dataset["files"]}["hello"] == 11200
    prepare(folder, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_a_piece_that_was_deleted_is_made_again(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    prepare(folder, tmp_path / "out")
    before, opened[:] = contents(tmp_path / "out"), []
    next((tmp_path / "out/audio").rglob("hello.flac")).unlink()
    prepare(folder, tmp_path / "out")
    assert opened == ["hello.wav"]
    assert contents(tmp_path / "out") == before


def test_other_options_prepare_anew(folder: Path, tmp_path: Path) -> None:
    prepare(folder, tmp_path / "out")
    dataset = prepare(folder, tmp_path / "out", Options(test=frozenset(["hello", "digits_1"])))
    assert {file["stem"] for file in dataset["files"] if file["split"] == "test"} == {"hello", "digits_1"}
    assert sorted(path.stem for path in (tmp_path / "out/audio/test").iterdir()) == ["digits_1", "hello"]
    assert len(list((tmp_path / "out/audio").rglob("*.flac"))) == len(NAMES)


KILLED = """
import os, signal, sys
from wavesynth.audio import files
from wavesynth.data.prepare import prepare

def write(temporary, *_, **__):
    global written
    written += 1
    if written > 2:
        open(temporary, "wb").write(b"half of a file")
        os.kill(os.getpid(), signal.SIGKILL)
    original(temporary, *_, **__)

written, original = 0, files.soundfile.write
files.soundfile.write = write
prepare(*sys.argv[1:])
"""


def test_a_killed_run_is_continued_and_ends_as_if_never_killed(
    folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, folder, out], check=False)
    assert killed.returncode == -9
    assert not (out / "dataset.json").exists()
    with (out / "prepare.jsonl").open("a") as journal:
        journal.write('{"source": "hel')  # and killed in the middle of a line
    prepare(folder, out)
    assert len(opened) == len(NAMES) - 2
    prepare(folder, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")
    assert (out / "prepare.jsonl").read_text() == (tmp_path / "whole/prepare.jsonl").read_text()


def test_what_cannot_be_used_is_named_with_its_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "letter.mp3").write_text("Dear reader, " * 99)
    (folder / "nothing.g722").touch()
    (folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    soundfile.write(folder / "silent.flac", torch.zeros(16000).numpy(), 16000)
    record(folder / "short.wav", 0.1)
    soundfile.write(folder / "beep.wav", torch.sin(torch.arange(8000) * 0.4).numpy() / 2, 16000)
    record(folder / "monkeys.wav")
    (folder / "notes.txt").write_text("not a recording, and not named as one")
    os.mkfifo(folder / "pipe.wav")
    dataset = prepare(folder, tmp_path / "out", Options(exclude=("monk*",)))
    reasons = {skipped["source"]: skipped["reason"] for skipped in dataset["skipped"]}
    assert len(dataset["files"]) == len(NAMES)
    assert reasons.pop("letter.mp3").startswith("cannot be read as audio")
    assert reasons == {
        "nothing.g722": "holds no audio samples",
        "silent.flac": "silent",
        "short.wav": "too short: 0.10 s after trimming",
        "beep.wav": "a tone, not speech or music",
        "monkeys.wav": "excluded by monk*",
    }
    assert {ignored["source"]: ignored["reason"] for ignored in dataset["ignored"]} == {
        "gone.wav": "a link to nothing",
        "notes.txt": "not named as a recording",
        "pipe.wav": "not a file but a pipe, a socket or a device",
    }


def test_long_recordings_are_cut_and_their_pieces_stay_together(tmp_path: Path) -> None:
    names = [next(n for n in map(str, range(999)) if split_of(n) == split) for split in SPLITS]
    for name in names:
        record(tmp_path / "voice" / f"{name}.flac", 16)
    dataset = prepare(tmp_path / "voice", tmp_path / "out")
    for name in names:
        pieces = [file for file in dataset["files"] if file["source"] == f"{name}.flac"]
        assert [file["stem"] for file in pieces] == [f"{name}-001", f"{name}-002"]
        assert {file["split"] for file in pieces} == {split_of(name)}
        assert sum(file["samples"] for file in pieces) == 16 * 16000


def test_two_recordings_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    record(tmp_path / "voice/a_b.wav", 0.6)
    prepare(tmp_path / "voice", tmp_path / "out")
    record(tmp_path / "voice/a/b.wav", 0.5)
    record(tmp_path / "voice/c/long.wav", 16)
    record(tmp_path / "voice/c_long.wav", 16)
    record(tmp_path / "voice/c_long-001.wav", 0.7)
    dataset = prepare(tmp_path / "voice", tmp_path / "out")
    assert dataset["skipped"] == [
        {"source": "a_b.wav", "reason": "its name, a_b, is already that of a/b.wav"},
        {"source": "c_long.wav", "reason": "its name, c_long, is already that of c/long.wav"},
        {"source": "c_long-001.wav", "reason": "its name, c_long-001, is already that of c/long.wav"},
    ]
    (tmp_path / "voice/a/b.wav").unlink()
    prepare(tmp_path / "voice", tmp_path / "out")
    prepare(tmp_path / "voice", tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_what_it_made_itself_and_what_is_hidden_is_no_source(folder: Path) -> None:
    record(folder / ".trash/old.wav")
    first = prepare(folder, folder)
    assert prepare(folder, folder) == first
    assert len(first["files"]) == len(NAMES)


def test_a_name_that_is_not_utf8_does_not_end_the_run(folder: Path, tmp_path: Path) -> None:
    record(folder / "last.wav", seed=9)
    os.rename(folder / "last.wav", os.fsencode(folder) + b"/\xff.wav")
    dataset = prepare(folder, tmp_path / "out")
    assert len(dataset["files"]) == len(NAMES) + 1 and not dataset["skipped"]


def test_a_folder_with_nothing_usable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="voice is not a folder"):
        prepare(tmp_path / "voice", tmp_path / "out")
    (tmp_path / "voice").mkdir()
    with pytest.raises(ValueError, match="voice holds no recordings"):
        prepare(tmp_path / "voice", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    record(tmp_path / "voice/short.wav", 0.1)
    with pytest.raises(ValueError, match=r"no usable recording among 1; short\.wav is too short"):
        prepare(tmp_path / "voice", tmp_path / "out")
    assert not (tmp_path / "out/dataset.json").exists()


def test_a_test_list_that_names_what_is_not_there_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"names typo, which .*voice does not hold"):
        prepare(folder, tmp_path / "out", Options(test=frozenset(["hello", "typo"])))
    assert not (tmp_path / "out").exists()


def test_a_damaged_journal_is_an_error_that_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    prepare(folder, tmp_path / "out")
    journal = tmp_path / "out/prepare.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([lines[0], '{"source": 3}', *lines[2:]]) + "\n")
    with pytest.raises(ValueError, match=r"prepare\.jsonl is damaged in line 2; delete it"):
        prepare(folder, tmp_path / "out")


def test_a_full_disk_stops_the_run_and_leaves_nothing_half_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(folder, tmp_path / "out", Options(test=frozenset(["hello"])))
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="No space"):
            prepare(folder, tmp_path / "out")
    assert not (tmp_path / "out/dataset.json").exists(), "it passes for complete"
    assert not list((tmp_path / "out").rglob(".*"))
    prepare(folder, tmp_path / "out")
    prepare(folder, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
