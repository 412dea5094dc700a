"""What results files come to."""

import json

import pytest

from wavesynth.evaluation.listening.judgements import COLUMNS, read_judgements, summarise, wilson


def rows(sitting, preferred, listener="anna"):
    sides = [("a", "b"), ("b", "a")]
    return [
        dict(zip(COLUMNS, (sitting, listener, trial, f"c{trial}", *sides[trial % 2], one), strict=True))
        for trial, one in enumerate(preferred, 1)
    ]


@pytest.fixture
def results(tmp_path):
    def write(name, found):
        if name.endswith(".json"):
            text = json.dumps({"judgements": found})
        else:
            text = "\n".join("\t".join(map(str, row)) for row in [COLUMNS, *(r.values() for r in found)])
        (tmp_path / name).write_text(text + "\n")
        return tmp_path / name

    return write


def test_the_preference_is_of_all_files_together_whichever_was_heard_first(results):
    files = [results("1.tsv", rows("s1", "aaab")), results("2.json", rows("s2", "aab", "ben"))]
    (found,) = summarise(read_judgements(files))
    assert (found.a, found.b, found.for_a, found.judgements, found.listeners) == ("a", "b", 5, 7, 2)
    assert (found.low, found.high) == wilson(5, 7) and not found.differs


def test_a_difference_is_shown_when_one_half_is_outside_the_interval(results):
    (found,) = summarise(read_judgements([results("1.tsv", rows("s1", "b" * 15 + "a" * 3))]))
    assert found.differs and found.share == pytest.approx(3 / 18)


def test_the_interval_is_wilsons():
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)  # tables of the score interval
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_judgements_count_once(results):
    file = results("1.tsv", rows("s1", "ab"))
    with pytest.raises(ValueError, match="each file may be given once"):
        read_judgements([file, file])


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.tsv", "clip\tpreferred\nx\ta\n", "no column sitting, listener"),
        ("x.tsv", "\t".join(COLUMNS) + "\n", "has no judgements"),
        ("x.tsv", "\t".join(COLUMNS) + "\ns\tl\t1\tc\ta\tb\tc\n", "prefers 'c'"),
        ("x.tsv", "\t".join(COLUMNS) + "\ns\tl\tone\tc\ta\tb\ta\n", "judgement 1 lacks"),
        ("x.json", "[1]", "JSON with a list of judgements"),
        ("x.json", '{"judgements": [1]}', "JSON with a list of judgements"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"{name}.*{sentence}"):
        read_judgements([tmp_path / name])
