"""A manifest's lines, good and bad, and folders."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wavesynth.batch.manifest import BadEntry, Entry, count, entries


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
        ('{"seconds": 1, "out": "a.wav", "seed": 1, "seed": 2}', "seed is given twice"),
        ('{"seconds": 1, "out": "a.wav", "seed": ' + "1" * 5000 + "}", "seed is 1111"),
        ("[1]", "the line is list; it must be an object"),
        ({"audio": "a.wav", "sped": 1}, "sped is no field; there are out, audio"),
        ({"audio": "a.wav", "line": 1}, "line is no field"),
        ({"audio": 1}, "audio is 1; it must be a text"),
        ({"audio": "a.wav", "seed": "x"}, "seed is 'x'; it must be a whole number"),
        ({"audio": "a.wav", "seed": True}, "seed is True; it must be a whole number"),
        ({"audio": "a.wav", "temperature": None}, "temperature is None; it must be a number"),
        ({"out": "a.wav"}, "exactly one of audio, mel, text and seconds must be given"),
        ({"audio": "a.wav", "mel": "b.npy"}, "exactly one of audio, mel, text and seconds must be given"),
        ({"seconds": 1}, "out is missing"),
        ({"text": "Hello."}, "out is missing; an entry with text needs it"),
        ({"text": " ", "out": "a.wav"}, "text is empty; it must have at least one word"),
        ({"audio": "a.wav", "rate": 2}, "rate is for text, and there is none"),
        ({"audio": ""}, "audio is empty"),
        ({"audio": "a.wav", "out": "../a.wav"}, "it must be a path below the output folder"),
        ({"audio": "a.wav", "out": "/a.wav"}, "it must be a path below the output folder"),
        ({"audio": "a.wav", "out": ".batch/a.wav"}, "it must be a path below the output folder"),
        ({"audio": "a.wav", "out": "a.mp3"}, "out is 'a.mp3'; it must end in .wav or .flac"),
        ({"audio": "a\0.wav"}, "audio is 'a\\x00.wav'; it must hold no NUL"),
        ({"audio": "a.wav", "out": "\ud83d.wav"}, "it must hold no NUL and no half of a character"),
        ('{"seconds": 1e400, "out": "a.wav"}', "seconds is inf; it must be a number below 1e9"),
        ('{"seconds": NaN, "out": "a.wav"}', "seconds is nan; it must be a number below 1e9"),
        ({"seconds": 10**400, "out": "a.wav"}, "it must be a number below 1e9"),
        ({"audio": "a.wav", "temperature": -(10**400)}, "it must be a number below 1e9"),
        ({"audio": "a.wav", "seed": 2**64}, "seed is 18446744073709551616; it must be from 0 to 2^64 - 1"),
        ("[" * 100_000, "it is nested too deeply"),
        ("x" * (1 << 20) + "more", "the line has more than 1048576 bytes"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(tmp_path, line, sentence):
    bad, good = read(tmp_path / "m.jsonl", line, {"audio": "good.wav"})
    assert isinstance(bad, BadEntry) and bad.line == 1 and sentence in bad.error
    assert isinstance(good, Entry) and good.line == 2


def read_bytes(path, content):
    path.write_bytes(content)
    return list(entries(path, path.parent / "out", {}))


def test_a_line_that_is_not_utf8_is_named_and_the_others_go_on(tmp_path):
    good = b'{"audio": "good.wav"}\n'
    first, bad, last = read_bytes(tmp_path / "m.jsonl", good + b'{"audio": "\xff.wav"}\n' + good)
    assert isinstance(first, Entry) and isinstance(last, Entry) and last.line == 3
    assert isinstance(bad, BadEntry) and bad.line == 2 and "the line is not UTF-8" in bad.error


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    (entry,) = read_bytes(tmp_path / "m.jsonl", '{"audio": "ä.wav"}'.encode("utf-8-sig"))
    assert entry.out == "ä.wav"
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(ValueError, match=r"m\.jsonl is UTF-16; it must be UTF-8"):
            read_bytes(tmp_path / "m.jsonl", ("\ufeff" + '{"audio": "a.wav"}').encode(encoding))


def test_a_manifest_that_cannot_be_read_twice_is_refused(tmp_path):
    os.mkfifo(tmp_path / "m.jsonl")
    with pytest.raises(ValueError, match=r"m\.jsonl is a pipe or a device; it must be a file"):
        count(tmp_path / "m.jsonl", tmp_path / "out")


FIELDS = st.sampled_from(["audio", "mel", "seconds", "out", "seed", "temperature", "voice", "speaker", "x"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers(), max_size=2)
)
LINES = st.one_of(
    st.binary(), st.dictionaries(FIELDS, VALUES).map(lambda fields: json.dumps(fields).encode())
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=4))
def test_whatever_a_line_holds_it_is_an_entry_or_an_error_of_its_own(tmp_path, lines):
    given = [line for line in b"\n".join(lines).split(b"\n") if line.strip()]
    if given and given[0].startswith((b"\xff\xfe", b"\xfe\xff")):
        return  # UTF-16
    found = read_bytes(tmp_path / "m.jsonl", b"\n".join(lines))
    assert len(found) == len(given)
    for entry in found:
        assert isinstance(entry, BadEntry) or Entry(**json.loads(entry.to_json())) == entry


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


def test_a_byte_order_mark_before_a_later_line_is_none_of_it(tmp_path):
    found = read(tmp_path / "m.jsonl", {"audio": "a.wav"}, '\ufeff{"audio": "b.wav"}')
    assert [entry.out for entry in found] == ["a.wav", "b.wav"]


def test_a_line_may_have_text_and_others_are_noted_as_before(tmp_path):
    text, audio = read(
        tmp_path / "m.jsonl",
        {"text": "<speak>Hello.</speak>", "out": "a.wav", "markup": "ssml", "rate": 2, "pitch": 0.9},
        {"audio": "/b.wav"},
    )
    assert text == Entry(1, "a.wav", text="<speak>Hello.</speak>", markup="ssml", rate=2, pitch=0.9)
    assert Entry(**json.loads(text.to_json())) == text
    assert not {"text", "markup", "rate", "pitch"} & json.loads(audio.to_json()).keys()
