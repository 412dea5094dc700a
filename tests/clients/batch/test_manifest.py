"""A manifest's lines, good and bad, and folders."""

import json

import pytest

from wavesynth.clients.batch.manifest import BadEntry, Entry, count, entries


def read(path, *lines, **defaults):
    """The entries of a manifest with these lines: objects, or text as it stands."""
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return list(entries(path, path.parent / "out", defaults))


def test_a_line_says_what_its_output_is_made_from(tmp_path):
    found = read(
        tmp_path / "m.jsonl",
        {"audio": "a/b.flac"},
        "",
        {"mel": "/c.npy", "out": "d/e.flac", "seed": 3, "temperature": 0.5, "speaker": "s"},
        {"seconds": 2, "out": "f.wav", "voice": "free"},
        voice="tiny",
        seed=1,
    )
    assert found == [
        Entry(1, "b.wav", audio=str(tmp_path / "a/b.flac"), voice="tiny", seed=1),
        Entry(3, "d/e.flac", mel="/c.npy", voice="tiny", seed=3, temperature=0.5, speaker="s"),
        Entry(4, "f.wav", seconds=2, voice="free", seed=1),
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "the line is not JSON"),
        ("[1]", "the line is list; it must be an object"),
        ({"audio": "a.wav", "sped": 1}, "sped is no field; there are out, audio"),
        ({"audio": "a.wav", "line": 1}, "line is no field"),
        ({"audio": 1}, "audio is 1; it must be a text"),
        ({"audio": "a.wav", "seed": "x"}, "seed is 'x'; it must be a whole number"),
        ({"audio": "a.wav", "seed": True}, "seed is True; it must be a whole number"),
        ({"audio": "a.wav", "temperature": None}, "temperature is None; it must be a number"),
        ({"out": "a.wav"}, "exactly one of audio, mel and seconds must be given"),
        ({"audio": "a.wav", "mel": "b.npy"}, "exactly one of audio, mel and seconds must be given"),
        ({"seconds": 1}, "out is missing"),
        ({"audio": "a.wav", "out": "../a.wav"}, "it must be a path below the output folder"),
        ({"audio": "a.wav", "out": "/a.wav"}, "it must be a path below the output folder"),
        ({"audio": "a.wav", "out": ".batch/a.wav"}, "it must be a path below the output folder"),
        ({"audio": "a.wav", "out": "a.mp3"}, "out is 'a.mp3'; it must end in .wav or .flac"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(tmp_path, line, sentence):
    bad, good = read(tmp_path / "m.jsonl", line, {"audio": "good.wav"})
    assert isinstance(bad, BadEntry) and bad.line == 1 and sentence in bad.error
    assert isinstance(good, Entry) and good.line == 2


def test_a_folder_is_its_recordings_in_order(tmp_path):
    for name in ("b/2.flac", "b/1.m4a", "a.wav", "note.txt", ".hidden/x.wav", ".x.wav", "out/a.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(entries(tmp_path, tmp_path / "out", {"seed": 7}))
    assert [(entry.line, entry.out, entry.seed) for entry in found] == [
        (1, "a.wav", 7),
        (2, "b/1.wav", 7),
        (3, "b/2.wav", 7),
    ]
    ignored = [{"source": "note.txt", "reason": "not named as a recording"}]
    assert count(tmp_path, tmp_path / "out") == (3, ignored)


def test_nothing_to_do_is_an_error(tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(ValueError, match="holds no lines"):
        count(tmp_path / "empty.jsonl", tmp_path / "out")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="holds no recordings; they must be"):
        count(tmp_path / "folder", tmp_path / "out")
