import hashlib
from collections import Counter
from pathlib import Path

import pytest

from wavesynth.data import split
from wavesynth.data.split import (
    SHORTEST,
    Assignment,
    RecordingLength,
    assign,
    read_test_list,
    split_of,
    stem_of,
)


def test_a_stem_is_the_path_below_the_folder_without_extension() -> None:
    assert stem_of(Path("digits/h-3.g722")) == "digits_h-3"
    assert stem_of(Path("a.b.wav")) == "a.b"


def test_a_name_too_long_for_a_file_is_its_beginning_and_a_hash(tmp_path: Path) -> None:
    long = Path(*["ф" * 60] * 3)  # 362 bytes
    stems = {stem_of(long.with_suffix(".wav")), stem_of(long / "2.wav"), stem_of(long / "3.wav")}
    assert len(stems) == 3
    assert all(len(stem.encode()) <= 240 and stem.startswith("ф" * 60 + "_") for stem in stems)
    assert stem_of(Path("a" * 120, "b" * 119)) == "a" * 120 + "_" + "b" * 119  # as it was
    (tmp_path / "list.txt").write_text("_".join(long.parts))  # a list may name it whole
    assert read_test_list(tmp_path / "list.txt") <= stems


def test_the_split_is_the_sha1_of_the_stem_modulo_twenty() -> None:
    for stem in ("hello", "vm-prev", "ё", *map(str, range(200))):
        bucket = int.from_bytes(hashlib.sha1(stem.encode()).digest()) % 20
        assert split_of(stem) == {0: "test", 1: "validation"}.get(bucket, "train")


def test_a_list_holds_out_what_it_names_and_nothing_else() -> None:
    stems = [str(i) for i in range(2000)]
    by_hash = Counter(map(split_of, stems))
    assert all(60 < by_hash[name] < 140 for name in ("test", "validation"))
    listed = {stem for stem in stems if split_of(stem) == "validation"} | {"0"}
    with_list = {stem: split_of(stem, test=listed) for stem in stems}
    assert {stem for stem, name in with_list.items() if name == "test"} == listed
    assert all(
        with_list[stem] == "train" for stem in stems if split_of(stem) == "test" and stem not in listed
    )
    assert split_of(next(iter(listed)), test=["other"]) in ("validation", "train")


def test_a_test_list_is_one_stem_a_line(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# held out\nhello\n\n digits_1 \n")
    assert read_test_list(tmp_path / "list.txt") == {"hello", "digits_1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\n# none\n", "names no"), (b"\xff\x00", "not UTF-8"), (b"\xff\xfe\x00", "UTF-16")],
)
def test_a_test_list_that_lists_nothing_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"list\.txt .*{message}|list\.txt is {message}"):
        read_test_list(tmp_path / "list.txt")


def test_the_english_voice_ships_the_list_of_what_it_has_not_heard() -> None:
    stems = read_test_list(Path(split.__file__).with_name("allison_test.txt"))
    assert len(stems) == 26 and "tt-weasels" in stems


def named(split: str, count: int = 1, start: int = 0) -> list[str]:
    """Names that the hash puts in a split."""
    found = (stem for stem in map(str, range(start, 9999)) if split_of(stem) == split)
    return [next(found) for _ in range(count)]


def seconds_of(recordings: list[RecordingLength], assignment: Assignment, split: str) -> float:
    return sum(recordings[n].seconds for n, side in assignment.sides.items() if side == split)


#: Enough in each split.
ENOUGH = [
    RecordingLength(stem, 3.0)
    for split, n in (("train", 30), ("validation", 2), ("test", 2))
    for stem in named(split, n)
]


def alone(recordings: list[RecordingLength]) -> list[list[int]]:
    return [[number] for number in range(len(recordings))]


def test_enough_recordings_are_where_their_names_say() -> None:
    assignment = assign(ENOUGH, alone(ENOUGH))
    assert assignment.sides == {n: split_of(recording.stem) for n, recording in enumerate(ENOUGH)}
    assert (assignment.instead, assignment.moved, assignment.divided, assignment.missing) == ({}, (), None, 0)


def test_near_copies_go_with_the_longest_and_shorter_ones_do_not_move_it() -> None:
    train, test = RecordingLength(named("train", 31)[-1], 5.0), RecordingLength(named("test", 3)[-1], 2.0)
    recordings = [*ENOUGH, train, test]
    n = len(ENOUGH)
    assert assign(recordings, [*alone(ENOUGH), [n, n + 1]]).sides[n + 1] == "train"
    recordings[n + 1] = RecordingLength(test.stem, 5.5)
    assert assign(recordings, [*alone(ENOUGH), [n, n + 1]]).sides[n] == "test"


def test_what_is_listed_stays_test_and_its_copies_are_left_out() -> None:
    assignment = assign(ENOUGH, [[0, 1, 2], *alone(ENOUGH)[3:]], {ENOUGH[1].stem})
    assert assignment.sides[1] == "test" and assignment.instead == {0: 1, 2: 1}
    assert not {0, 2} & assignment.sides.keys()


@pytest.mark.parametrize("count", [3, 10, 50])
def test_where_names_leave_validation_empty_whole_recordings_are_held_back(count: int) -> None:
    recordings = [RecordingLength(stem, 2.5) for stem in named("train", count)]
    assignment = assign(recordings, alone(recordings))
    held = seconds_of(recordings, assignment, "validation")
    assert SHORTEST <= held <= max(2.5, 0.05 * count * 2.5 + 2.5) and assignment.divided is None
    assert assignment.moved == tuple(
        sorted(n for n, side in assignment.sides.items() if side == "validation")
    )
    assert assign(recordings[::-1], alone(recordings)).sides == {
        count - 1 - n: side for n, side in assignment.sides.items()
    }


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_of_one_recording_the_end_is_held_back_whatever_its_name(split: str) -> None:
    [assignment] = [assign([RecordingLength(named(split)[0], 60.0)], [[0]])]
    assert assignment.sides == {0: "train"} and assignment.divided == 0 and assignment.held_back == 3.0


def test_of_one_take_in_several_copies_the_longest_is_divided_and_no_other_used() -> None:
    recordings = [RecordingLength(stem, 9.0 + n) for n, stem in enumerate(named("train", 3))]
    assignment = assign(recordings, [[0, 1, 2]])
    assert assignment.divided == 2 and assignment.instead == {0: 2, 1: 2} and assignment.sides == {2: "train"}


def test_a_test_list_may_take_everything_and_is_never_trained_on() -> None:
    recordings = [RecordingLength(stem, 10.0) for stem in named("train", 3)]
    everything = assign(recordings, alone(recordings), {recording.stem for recording in recordings})
    assert set(everything.sides.values()) == {"test"} and not everything.missing
    one_left = assign(recordings, alone(recordings), {recording.stem for recording in recordings[:2]})
    assert one_left.sides == {0: "test", 1: "test", 2: "train"} and one_left.divided == 2


def test_too_little_to_divide_is_told() -> None:
    assignment = assign([RecordingLength("a", 1.0), RecordingLength("b", 2.0)], [[0], [1]])
    assert assignment.missing == 3.0 and assignment.divided is None
