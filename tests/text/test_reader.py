"""Text in pieces to utterances."""

import tracemalloc
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavesynth.text import PAUSES, TextReader, Utterance
from wavesynth.text.inventory import INVENTORY, VOWELS
from wavesynth.text.segmenter import MAX_CHUNK, MAX_WORDS

SENTENCES = (
    "Dr. Smith of St. Louis paid $3 million on July 4, 2026, e.g. for J. R. R. Tolkien's 3 1/2 books. ",
    "Wait... what?! (555) 555-0142, i.e. http://example.com/a?b=c; mail me@example.org—now! ",
    "It is 5 p.m. Tuesday in the U.S. We left at 5 p.m. Then we slept.\n\nTitle\nLine two \U0001f600 and café",
)


def read(pieces: Iterable[str], **options) -> list[Utterance] | str:
    """The utterances of all pieces; the error's sentence where there is one."""
    reader = TextReader(**options)
    try:
        return [utterance for piece in pieces for utterance in reader.push(piece)] + reader.finish()
    except ValueError as error:
        return str(error)


def symbols(utterances: list[Utterance]) -> list[str]:
    return ["".join(token.symbol for token in utterance.tokens) for utterance in utterances]


def test_a_sentence_is_an_utterance_of_phonemes_and_its_mark() -> None:
    utterance, *rest = TextReader().push("Hello world. And")
    assert not rest
    assert "".join(token.symbol for token in utterance.tokens) == "^həlO_wɜɹld."
    assert [word.text for word in utterance.words] == ["Hello", "world"]
    assert all((token.symbol in PAUSES) == (token.word < 0) for token in utterance.tokens)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_comes_out_does_not_depend_on_how_the_text_was_cut(data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [*SENTENCES, "St. ", "Mr. ", "a.m. ", "4, ", "5 kg ", "I. ", '"Yes," ', "and ", "\n"]
    )
    anything = st.text("aB1 .,!?-—…'\"()$%&\n\U0001f600é½", max_size=6)
    text = "".join(data.draw(st.lists(pieces | anything, max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    cut = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read([text]) == read(cut) == read(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES) | st.text("abcXY 12.,'", max_size=30), min_size=1, max_size=6))
def test_every_utterance_is_well_formed(parts: list[str]) -> None:
    text = "".join(parts)
    utterances = read([text])
    for utterance in utterances if isinstance(utterances, list) else []:
        first, *middle, last = utterance.tokens
        assert first.symbol == "^" and last.symbol in PAUSES
        assert all(token.symbol in (PAUSES if token.word < 0 else INVENTORY) for token in middle)
        assert not any(a.word < 0 and b.word < 0 for a, b in pairwise(middle))
        assert all(token.stress == 0 or token.symbol in VOWELS for token in utterance.tokens)
        said = [token.word for token in middle if token.word >= 0]
        assert said == sorted(said) and set(said) == set(range(len(utterance.words)))
        assert len(utterance.words) <= 2 * MAX_WORDS


def test_a_word_says_where_it_stands_in_the_text() -> None:
    text = "".join(SENTENCES)
    words = [word for utterance in read(text) for word in utterance.words]
    assert all(text[word.begin : word.end] == word.text for word in words)
    assert all(a.end <= b.begin for a, b in pairwise(words))


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Hello there. ", 1),
        ("Is it? ", 1),
        ("I met Mr. ", 0),
        ("I met J. Smith ", 0),
        ("It is plan B. Then ", 1),
        ("We met at 5 p.m. Then ", 1),
        ("We met at 5 p.m. Tuesday ", 0),
        ("on Main St. The ", 1),
        ("in St. Louis ", 0),
        ("I met Mr. Smith. ", 1),
        ("This has a comma, ", 1),
        ("Short, ", 0),
        (
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen ",
            1,
        ),
        ("A title\n\n", 1),
    ],
)
def test_an_utterance_comes_as_soon_as_its_end_is_certain(text: str, ends: int) -> None:
    assert len(TextReader().push(text)) == ends


def test_a_long_sentence_is_cut_at_its_marks_and_before_its_conjunctions() -> None:
    text = (
        "When the long rain had stopped at last, the children who had waited all day ran out into the wet garden "
        "and looked for snails under the leaves because their teacher had asked them to bring some to school"
    )
    assert [(u.words[0].text, u.tokens[-1].symbol) for u in read([text])] == [
        ("When", ","),
        ("the", "_"),
        ("and", "_"),
        ("because", "$"),
    ]


def test_endless_text_takes_no_more_memory_than_a_sentence() -> None:
    reader, sentence = TextReader(), "The same few words are said again, and nobody stops them. "
    reader.push(sentence * 50)
    tracemalloc.start()
    for _ in range(20):
        reader.push(sentence * 50)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 50_000


def test_a_word_without_an_end_is_said_in_parts_as_it_comes() -> None:
    reader = TextReader()
    said = [utterance for _ in range(100) for utterance in reader.push("abcdefghij" * 100)] + reader.finish()
    words = [word for utterance in said for word in utterance.words]
    assert "".join(word.text for word in words) == "abcdefghij" * 10_000
    assert max(word.end - word.begin for word in words) <= MAX_CHUNK
    assert max(len(utterance.tokens) for utterance in said) < 3 * MAX_CHUNK


@pytest.mark.parametrize("text", ["", " \n", "...", "?!", "\U0001f600\U0001f389", "-- ( ) \u200b"])
def test_a_text_with_nothing_to_say_is_refused(text: str) -> None:
    assert read([text]) == (
        "text has nothing that can be said; it must have a word, a number or a sign that has a name"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("one \x07two", "text has '\\x07' (U+0007) at character 4: it is a control character"),
        ("one \ud800two", "at character 4: it is a control character"),
        ("Hello привет", "text has 'п' (U+043F) at character 6: it is not a Latin letter"),
        ("Hello. 你好", "text has '你' (U+4F60) at character 7: it is not a Latin letter"),
    ],
)
def test_what_cannot_be_said_is_named_with_its_place_before_anything_is_said(text: str, says: str) -> None:
    assert says in read([text])
    assert says in read(text)


def test_pictures_between_words_are_left_out() -> None:
    assert symbols(read(["great \U0001f600 work\U0001f44d\U0001f3fd!"])) == symbols(read(["great work!"]))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"markup": "html"}, "markup is 'html'; it must be 'plain' or 'ssml'"),
        ({"language": "de-DE"}, "language is 'de-DE'; it must be 'en-US'"),
        (
            {"pronunciations": {"GIF": "ʤˈɪf", "gnu": "qq"}},
            "pronunciations['gnu'] is 'qq'; 'q' is no phoneme",
        ),
        ({"pronunciations": {"gnu": ""}}, "pronunciations['gnu'] is ''; it must have a phoneme"),
        ({"pronunciations": {"New York": "nu"}}, "'New York'; it must be one written word"),
    ],
)
def test_what_a_reader_cannot_be_made_of_is_named(options: dict, says: str) -> None:
    with pytest.raises(ValueError, match=r"must be|phoneme") as raised:
        TextReader(**options)
    assert says in str(raised.value)


def test_a_users_pronunciation_goes_before_rules_and_lexicon() -> None:
    own = {"tomato": "təmˈɑtO", "C++": "sˈi", "Polish": "pˈOlɪʃ"}
    said = symbols(read(["Tomato C++ polish Polish 5."], pronunciations=own))
    assert said == ["^təmɑtO_si_pɑlɪʃ_pOlɪʃ_fIv."]
