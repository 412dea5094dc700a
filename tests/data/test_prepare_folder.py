"""wavesynth.data.prepare and the journal behind it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

import wavesynth.data.sources as module
from wavesynth.audio import files
from wavesynth.data.dataset import Recordings
from wavesynth.data.perturbation import copy_paths
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

    def load(path: Path, sample_rate: int) -> files.Recording:
        names.append(path.name)
        return original(path, sample_rate)

    original = module.load
    monkeypatch.setattr(module, "load", load)
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
    for seed, name in enumerate(names):
        record(tmp_path / "voice" / f"{name}.flac", 16, seed)
    dataset = prepare(tmp_path / "voice", tmp_path / "out")
    for name in names:
        pieces = [file for file in dataset["files"] if file["source"] == f"{name}.flac"]
        assert [file["stem"] for file in pieces] == [f"{name}-001", f"{name}-002"]
        assert {file["split"] for file in pieces} == {split_of(name)}
        assert sum(file["samples"] for file in pieces) == 16 * 16000


def test_two_recordings_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    record(tmp_path / "voice/a_b.wav", 0.6)
    prepare(tmp_path / "voice", tmp_path / "out")
    record(tmp_path / "voice/a/b.wav", 0.5, 1)
    record(tmp_path / "voice/c/long.wav", 16, 2)
    record(tmp_path / "voice/c_long.wav", 16, 3)
    record(tmp_path / "voice/c_long-001.wav", 0.7, 4)
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
    for path in copy_paths(folder, "train/hello", 1):  # as training leaves them there
        record(path.with_suffix(".wav"), seed=99)
        path.with_suffix(".wav").rename(path)
    (folder / "features").mkdir()
    (folder / "features/v1-train.safetensors").touch()
    assert prepare(folder, folder) == first
    assert len(first["files"]) == len(NAMES) and not first["ignored"]


def test_a_name_that_is_not_utf8_does_not_end_the_run(folder: Path, tmp_path: Path) -> None:
    record(folder / "last.wav", seed=9)
    os.rename(folder / "last.wav", os.fsencode(folder) + b"/\xff.wav")
    dataset = prepare(folder, tmp_path / "out")
    assert len(dataset["files"]) == len(NAMES) + 1 and not dataset["skipped"]


def split_by_source(dataset: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in dataset["files"]:
        found.setdefault(file["source"], set()).add(file["split"])
    return found


def test_the_same_audio_under_several_names_is_used_once(
    folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    waveform, rate = soundfile.read(folder / "hello.wav")
    soundfile.write(folder / "bonjour.flac", waveform, rate)
    shutil.copy(folder / "hello.wav", folder / "salut.wav")
    dataset = prepare(folder, tmp_path / "out")
    assert dataset["skipped"] == [
        {"source": "hello.wav", "reason": "the same audio as bonjour.flac"},
        {"source": "salut.wav", "reason": "the same audio as bonjour.flac"},
    ]
    assert len(dataset["files"]) == len(NAMES)
    before, opened[:] = snapshot(tmp_path / "out"), []
    assert prepare(folder, tmp_path / "out") == dataset
    assert snapshot(tmp_path / "out") == before and opened == []
    (folder / "bonjour.flac").unlink()
    assert prepare(folder, tmp_path / "out")["skipped"] == [
        {"source": "salut.wav", "reason": "the same audio as hello.wav"}
    ]
    assert opened == []
    listed = prepare(folder, tmp_path / "out", Options(test=frozenset(["salut"])))
    assert listed["skipped"] == [{"source": "hello.wav", "reason": "the same audio as salut.wav"}]


def test_a_dc_offset_is_removed_and_told(folder: Path, tmp_path: Path) -> None:
    waveform, rate = soundfile.read(folder / "hello.wav")
    soundfile.write(folder / "hello.wav", waveform + 0.18, rate)
    dataset = prepare(folder, tmp_path / "out")
    assert dataset["offsets"] == {"hello.wav": pytest.approx(0.18, abs=3e-3)}
    written, _ = soundfile.read(next((tmp_path / "out/audio").rglob("hello.flac")))
    assert abs(written.mean()) < 1e-4


def near_copy(path: Path, of: Path, begin: float, seconds: float) -> None:
    """A part of a recording, coded anew."""
    waveform, rate = soundfile.read(of)
    part = 0.7 * waveform[round(begin * rate) :][: round(seconds * rate)]
    soundfile.write(path, part, rate, subtype="PCM_U8")


def enough(folder: Path) -> None:
    """Recordings for each split."""
    names = map(str, range(999))
    for seed, split in enumerate(["train"] * 5 + ["validation"] * 2 + ["test"]):
        record(folder / f"{next(n for n in names if split_of(n) == split)}.wav", 2.0, 100 + seed)


def test_near_copies_are_on_one_side_and_told_and_stay(tmp_path: Path, opened: list[str]) -> None:
    folder = tmp_path / "voice"
    enough(folder)
    whole, part = (
        next(n for n in map(str, range(1000, 1999)) if split_of(n) == s) for s in ("train", "test")
    )
    record(folder / f"{whole}.wav", 3.0, 1)
    near_copy(folder / f"{part}.wav", folder / f"{whole}.wav", 0.5, 2.0)
    dataset = prepare(folder, tmp_path / "out")
    assert split_by_source(dataset)[f"{part}.wav"] == split_by_source(dataset)[f"{whole}.wav"] == {"train"}
    [pair] = dataset["near_copies"]
    assert set(pair["sources"]) == {f"{whole}.wav", f"{part}.wav"}
    assert pair["seconds"] == pytest.approx(2.0, abs=0.1) and -40 < pair["residual_db"] < -20
    assert (
        f"near copies, all in train: {', '.join(sorted([f'{whole}.wav', f'{part}.wav']))}" in dataset["notes"]
    )
    before, opened[:] = snapshot(tmp_path / "out"), []
    assert prepare(folder, tmp_path / "out") == dataset
    assert snapshot(tmp_path / "out") == before and opened == []
    (folder / f"{whole}.wav").unlink()
    prepare(folder, tmp_path / "out")
    assert opened == [] and split_of(part) == "test"
    prepare(folder, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_near_copies_of_what_is_listed_for_test_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "voice"
    enough(folder)
    record(folder / "whole.wav", 3.0, 1)
    near_copy(folder / "part.wav", folder / "whole.wav", 0.5, 2.0)
    dataset = prepare(folder, tmp_path / "out", Options(test=frozenset(["part"])))
    assert split_by_source(dataset)["part.wav"] == {"test"}
    assert dataset["skipped"] == [
        {"source": "whole.wav", "reason": "a near copy of part.wav, which the test list holds out"}
    ]
    dataset = prepare(folder, tmp_path / "out")
    prepare(folder, tmp_path / "fresh")
    assert dataset["skipped"] == [] and contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_one_recording_is_enough_to_train_on_and_to_choose_by(tmp_path: Path, opened: list[str]) -> None:
    record(tmp_path / "voice/only.wav", 20.0)
    dataset = prepare(tmp_path / "voice", tmp_path / "out")
    assert [file["split"] for file in dataset["files"]] == ["train", "train", "validation"]
    assert dataset["seconds"]["validation"] >= 2 and sum(dataset["seconds"].values()) == 20
    assert (
        "validation is the end of only.wav" in dataset["notes"][0]
        and "no test recordings" in dataset["notes"][1]
    )
    for split in SPLITS[:2]:
        Recordings(tmp_path / "out").require(split, 16000)
    before, opened[:] = snapshot(tmp_path / "out"), []
    assert prepare(tmp_path / "voice", tmp_path / "out") == dataset
    assert snapshot(tmp_path / "out") == before and opened == []
    enough(tmp_path / "voice")  # and then it is whole again
    dataset = prepare(tmp_path / "voice", tmp_path / "out")
    assert split_by_source(dataset)["only.wav"] == {split_of("only")}
    prepare(tmp_path / "voice", tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_one_and_then_a_second_long_recording_equal_both_at_once(tmp_path: Path) -> None:
    folder, names = tmp_path / "voice", (n for n in map(str, range(999)) if split_of(n) == "train")
    one, second = next(names), next(names)
    record(folder / f"{one}.wav", 44.0, 1)
    alone = prepare(folder, tmp_path / "out")
    record(folder / f"{second}.wav", 40.0, 2)
    both = prepare(folder, tmp_path / "out")
    assert both["seconds"]["validation"] > alone["seconds"]["validation"] + 1
    prepare(folder, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
    (folder / f"{second}.wav").unlink()
    assert prepare(folder, tmp_path / "out") == alone


def test_too_little_to_train_on_says_what_is_missing(tmp_path: Path) -> None:
    record(tmp_path / "voice/only.wav", 2.5)
    [note, _] = prepare(tmp_path / "voice", tmp_path / "out")["notes"]
    assert note.startswith("only 2.5 s to train on and to choose by: training needs 6 s")


def test_a_path_longer_than_a_files_name_is_prepared(tmp_path: Path, opened: list[str]) -> None:
    deep = Path("voice", *["recordings of an afternoon" * 2] * 6)  # 317 bytes with what it holds
    record(tmp_path / deep / "1.wav", 16, 1)
    record(tmp_path / deep / "2.wav", 16, 2)
    dataset = prepare(tmp_path / "voice", tmp_path / "out")
    assert len({file["stem"] for file in dataset["files"]}) == 4 and dataset["skipped"] == []
    opened.clear()
    assert prepare(tmp_path / "voice", tmp_path / "out") == dataset and opened == []


def test_the_number_of_processes_changes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.wav").write_text("no audio")
    record(folder / "long.wav", 16, 7)
    prepare(folder, tmp_path / "one")
    monkeypatch.setattr(module, "_ALONE", 0.0)
    prepare(folder, tmp_path / "two", processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert (tmp_path / "one/prepare.jsonl").read_bytes() == (tmp_path / "two/prepare.jsonl").read_bytes()


def test_what_an_older_version_prepared_is_read_and_prepared_anew(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dataset = prepare(folder, out)
    old = {name: dataset[name] for name in ("sample_rate", "options", "seconds", "files", "skipped")}
    (out / "dataset.json").write_text(json.dumps({"format": 1, **old}))
    lines = [json.loads(line) for line in (out / "prepare.jsonl").read_text().splitlines()]
    lines[0]["options"]["format"] = 1
    kept = ("source", "stamp", "pieces", "reason")
    lines[1:] = [{name: line[name] for name in kept} for line in lines[1:]]
    (out / "prepare.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(Recordings(out).files("train")) == sum(file["split"] == "train" for file in dataset["files"])
    assert prepare(folder, out) == dataset


def test_of_a_damaged_recording_what_is_there_is_used_and_named(folder: Path, tmp_path: Path) -> None:
    record(folder / "half.wav", 1.0)
    whole = (folder / "half.wav").read_bytes()
    (folder / "half.wav").write_bytes(whole[: len(whole) // 2])
    damaged = [
        {"source": "half.wav", "reason": "ends early: 0.5 s are there of the 1.0 s that its header says"}
    ]
    for _ in range(2):  # it is not forgotten when nothing is to be done
        dataset = prepare(folder, tmp_path / "out")
        assert dataset["damaged"] == damaged and len(dataset["files"]) == len(NAMES) + 1


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


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"null", b'{"format": 2, "compared": 3}', None]
)
def test_a_damaged_or_foreign_description_is_written_anew(
    folder: Path, tmp_path: Path, content: bytes | None
) -> None:
    dataset = prepare(folder, tmp_path / "out")
    if content is None:  # that of these recordings, but damaged further on
        content = json.dumps(dataset | {"near_copies": [{"sources": ["gone.wav", 3]}]}).encode()
    (tmp_path / "out/dataset.json").write_bytes(content)
    assert prepare(folder, tmp_path / "out") == dataset
    assert json.loads((tmp_path / "out/dataset.json").read_bytes()) == dataset


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
