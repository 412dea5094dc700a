"""What is found below a folder, once each, and what is left out with its reason."""

import os
import socket
from pathlib import Path

import pytest

from wavesynth.audio.recordings import Ignored, find, summary


@pytest.fixture
def folder(tmp_path):
    for name in ("voice/b/2.flac", "voice/b/1.M4A", "voice/a.wav", "elsewhere/c.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "voice"


def split(folder, *ours):
    """Names of the recordings, and reasons of what is ignored by name."""
    found = list(find(folder, *ours))
    ignored = {one.path.as_posix(): one.reason for one in found if isinstance(one, Ignored)}
    return [one.as_posix() for one in found if isinstance(one, Path)], ignored


def test_recordings_come_by_name_and_all_else_has_a_reason(folder):
    for name in (".hidden.wav", ".git/x.wav", "b/notes.txt", "take.raw", "noname"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert split(folder) == (
        ["a.wav", "b/1.M4A", "b/2.flac"],
        {
            "b/notes.txt": "not named as a recording",
            "noname": "not named as a recording",
            "take.raw": "no header says what its samples are",
        },
    )


def test_loops_of_links_end_and_nothing_is_found_twice(folder):
    (folder / "loop").symlink_to(folder)
    (folder / "b/up").symlink_to("..")
    (folder / "also.wav").symlink_to("b/2.flac")
    (folder / "0-early").symlink_to("b")
    (folder / "itself.wav").symlink_to("itself.wav")
    (folder / "outside").symlink_to("../elsewhere")
    (folder.parent / "elsewhere/back").symlink_to(".")
    (folder / "outside-again").symlink_to("../elsewhere")
    recordings, ignored = split(folder)
    assert recordings == ["a.wav", "b/1.M4A", "b/2.flac", "outside/c.mp3"]
    assert "symbolic links" in ignored.pop("itself.wav")
    assert ignored == {
        "0-early": "a link to b",
        "also.wav": "a link to b/2.flac",
        "b/up": "a link to .",
        "loop": "a link to .",
        "outside/back": "a folder that is searched under another name",
        "outside-again": "a folder that is searched under another name",
    }


def test_what_a_link_alone_names_is_found_under_the_link(folder):
    (folder / ".store").mkdir()
    (folder / ".store/1234").touch()
    (folder / "annexed.wav").symlink_to(".store/1234")
    (folder / "unnamed").touch()
    (folder / "named.wav").symlink_to("unnamed")
    assert {"annexed.wav", "named.wav"} <= set(split(folder)[0])


def test_what_is_no_file_is_not_opened(folder):
    os.mkfifo(folder / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.wav"))
        (folder / "null.wav").symlink_to("/dev/null")
        (folder / "gone.wav").symlink_to("nowhere.wav")
        (folder / "album.wav").mkdir()
        (folder / "album.wav/1.wav").touch()
        recordings, ignored = split(folder)
    assert recordings == ["a.wav", "album.wav/1.wav", "b/1.M4A", "b/2.flac"]
    no_file = "not a file but a pipe, a socket or a device"
    assert ignored == {
        "gone.wav": "a link to nothing",
        "null.wav": no_file,
        "pipe.wav": no_file,
        "socket.wav": no_file,
    }


def test_what_the_caller_writes_is_no_recording(folder):
    for name in ("b/out/audio/x.wav", "b/out/y.wav", "dataset.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert split(folder, folder / "b/out", folder / "dataset.json") == (["a.wav", "b/1.M4A", "b/2.flac"], {})
    (folder.parent / "link").symlink_to(folder / "b/out")
    assert split(folder, folder.parent / "link", folder / "dataset.json")[0] == [
        "a.wav",
        "b/1.M4A",
        "b/2.flac",
    ]


def test_names_that_are_not_utf8_are_found_and_can_be_printed(folder):
    for name in (b"\xff.wav", b"\xfe.\xfd"):
        (folder / os.fsdecode(name)).touch()
    found = list(find(folder))
    assert folder / os.fsdecode(b"\xff.wav") in {folder / one for one in found if isinstance(one, Path)}
    (entry,) = summary(one for one in found if isinstance(one, Ignored))
    assert entry == {"source": "\\xfe.\\xfd", "reason": "not named as a recording"}
    entry["source"].encode("ascii")


def test_many_of_one_kind_are_one_entry_and_few_are_named(folder):
    ignored = [Ignored(Path(f"{number}.TXT"), "why") for number in range(7)] + [Ignored(Path("x.jpg"), "why")]
    assert [entry["source"] for entry in summary(ignored)] == ["7 *.txt (0.TXT, 1.TXT, 2.TXT, ...)", "x.jpg"]
