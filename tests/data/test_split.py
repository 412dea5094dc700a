import hashlib
from collections import Counter
from pathlib import Path

import pytest

from wavesynth.data import split
from wavesynth.data.split import read_test_list, split_of, stem_of


def test_a_stem_is_the_path_below_the_folder_without_extension() -> None:
    assert stem_of(Path("digits/h-3.g722")) == "digits_h-3"
    assert stem_of(Path("a.b.wav")) == "a.b"


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
    assert len(stems) == 27 and "tt-weasels" in stems
