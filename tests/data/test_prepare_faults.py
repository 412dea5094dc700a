"""What is damaged, killed or missing while a folder is prepared."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

from tests.data.folders import NAMES, contents, record
from wavesynth.data.dataset import Recordings
from wavesynth.data.prepare import Options, prepare

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
