"""Copies of one take stay on one side, and little is divided so that there is something to train on."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.data.folders import NAMES, contents, record, snapshot
from wavesynth.data.dataset import Recordings
from wavesynth.data.prepare import Options, prepare
from wavesynth.data.split import SPLITS, split_of


def split_by_source(dataset: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in dataset["files"]:
        found.setdefault(file["source"], set()).add(file["split"])
    return found


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
