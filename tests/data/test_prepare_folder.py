"""A folder of recordings becomes a training set, and only what is new is done again."""

import json
import os
from pathlib import Path

import pytest
import soundfile

from tests.data.folders import NAMES, contents, record, snapshot
from wavesynth.data import sources
from wavesynth.data.prepare import Options, prepare
from wavesynth.data.split import SPLITS, split_of


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


def test_what_is_hidden_and_what_it_made_itself_is_no_source(folder: Path) -> None:
    record(folder / ".trash/old.wav")
    first = prepare(folder, folder / "prepared")
    assert prepare(folder, folder / "prepared") == first
    assert len(first["files"]) == len(NAMES) and not first["ignored"]


@pytest.mark.parametrize("out", [".", "../voice", "digits/.."])
def test_no_folder_is_prepared_into_itself(folder: Path, out: str) -> None:
    before = snapshot(folder)
    with pytest.raises(ValueError, match=r"^OUT is .*, and would replace files of .*; it must be another"):
        prepare(folder, folder / out)
    assert snapshot(folder) == before


def test_no_folder_is_prepared_from_what_it_holds_itself(folder: Path) -> None:
    record(folder / "audio/train/hello.wav")
    with pytest.raises(ValueError, match="and would replace files of"):
        prepare(folder / "audio" / "train", folder)


def test_a_name_that_is_not_utf8_does_not_end_the_run(folder: Path, tmp_path: Path) -> None:
    record(folder / "last.wav", seed=9)
    os.rename(folder / "last.wav", os.fsencode(folder) + b"/\xff.wav")
    dataset = prepare(folder, tmp_path / "out")
    assert len(dataset["files"]) == len(NAMES) + 1 and not dataset["skipped"]


def test_a_dc_offset_is_removed_and_told(folder: Path, tmp_path: Path) -> None:
    waveform, rate = soundfile.read(folder / "hello.wav")
    soundfile.write(folder / "hello.wav", waveform + 0.18, rate)
    dataset = prepare(folder, tmp_path / "out")
    assert dataset["offsets"] == {"hello.wav": pytest.approx(0.18, abs=3e-3)}
    written, _ = soundfile.read(next((tmp_path / "out/audio").rglob("hello.flac")))
    assert abs(written.mean()) < 1e-4


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
    monkeypatch.setattr(sources, "SECONDS_ALONE", 0.0)
    prepare(folder, tmp_path / "two", processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert (tmp_path / "one/prepare.jsonl").read_bytes() == (tmp_path / "two/prepare.jsonl").read_bytes()
