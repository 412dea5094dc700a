"""SSML, the part of it that is taken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavesynth.text import Mark, TextReader, Utterance
from wavesynth.text.markup import TAGS

LONG = (
    '<?xml version="1.0"?>\n<speak version="1.1" xml:lang="en-US">\r\n<!-- é --><p>Hello <break time="500ms"/>world '
    '<mark name="here"/>again.</p><s>W <sub alias="World Wide Web">W3C</sub>.</s> <prosody rate="slow" pitch="+2st">'
    'Slow AT&amp;T &#x1F600; <phoneme alphabet="ipa" ph="ˈtʃeɪndʒ">x</phoneme></prosody>! '
    '<say-as interpret-as="date" format="dmy">3/4/2026</say-as>, <say-as interpret-as="characters">ab1</say-as>'
    '<break strength="strong"/><mark name="end"/></speak>'
)


def read(pieces) -> list[Utterance]:
    reader = TextReader("ssml")
    return [utterance for piece in pieces for utterance in reader.push(piece)] + reader.finish()


def inside(markup: str) -> list[Utterance]:
    return read([f"<speak>{markup}</speak>"])


def said(utterances: list[Utterance]) -> str:
    return " ".join("".join(token.symbol for token in u.tokens) for u in utterances)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(LONG)), max_size=30))
def test_what_comes_out_does_not_depend_on_how_the_markup_was_cut(cuts: list[int]) -> None:
    cuts = sorted(cuts)
    pieces = [LONG[a:b] for a, b in zip([0, *cuts], [*cuts, len(LONG)], strict=True)]
    assert read(pieces) == read([LONG]) == read(LONG)


def test_a_word_says_where_it_stands_in_the_markup() -> None:
    words = [word for utterance in read(LONG) for word in utterance.words]
    places = [LONG[word.begin : word.end] for word in words]
    assert places == ["Hello", "world", "again", "W", "W3C", "Slow", "AT&amp;T", "x", "3/4/2026", "ab1"]


def test_an_utterance_comes_before_the_markup_is_closed() -> None:
    assert len(TextReader("ssml").push("<speak>Hello world. And ")) == 1


def test_a_break_is_a_pause_of_its_length() -> None:
    (utterance,) = inside('a cat<break time="1.5s"/>sat <break strength="weak"/> down')
    assert [(t.symbol, t.seconds) for t in utterance.tokens if t.seconds] == [(",", 1.5), (",", 0.2)]


def test_a_break_before_the_first_word_is_at_the_beginning_and_one_after_the_last_is_said_too() -> None:
    first, last = inside('<break time="1s"/>Hello.<break time="300ms"/><break time="200ms"/>')
    assert (first.tokens[0].symbol, first.tokens[0].seconds) == ("^", 1.0)
    assert ([t.seconds for t in last.tokens], last.words) == ([0.5, 0.0], ())


def test_a_mark_is_reached_before_its_word() -> None:
    first, second = inside('one <mark name="a"/>two. <mark name="b"/>Three<mark name="c"/>.')[:2]
    assert [(m.name, first.tokens[m.token].word) for m in first.marks] == [("a", 1)]
    assert second.marks[0] == Mark("b", 1)


def test_prosody_multiplies() -> None:
    (utterance,) = inside(
        '<prosody rate="80%" pitch="+10%">a <prosody rate="1.5" pitch="low">b</prosody></prosody> c'
    )
    last = {token.word: token for token in utterance.tokens if token.word >= 0}
    assert [(round(t.rate, 3), round(t.pitch, 3)) for t in last.values()] == [
        (0.8, 1.1),
        (1.2, 0.957),
        (1, 1),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "plain"),
    [
        ("characters", "ab1", "A B one"),
        ("spell-out", "NASA", "N A S A"),
        ("cardinal", "1234", "one thousand two hundred thirty four"),
        ("ordinal", "21", "twenty first"),
        ("digits", "1234", "one two three four"),
        ("date", "2026-11-30", "November thirtieth twenty twenty six"),
        ("time", "3:30pm", "three thirty p.m."),
    ],
)
def test_say_as_says_a_text_as_what_it_is(kind: str, text: str, plain: str) -> None:
    phonemes = [
        "".join(t.symbol for u in read([m]) for t in u.tokens if t.word >= 0)
        for m in (
            f'<speak><say-as interpret-as="{kind}">{text}</say-as></speak>',
            f"<speak>x {plain}</speak>",
        )
    ]
    assert phonemes[1] == "ɛks" + phonemes[0]


def test_a_paragraph_and_a_sentence_end_an_utterance() -> None:
    assert len(inside("<p>one</p><s>two</s><s>three</s> four")) == 4


def test_a_phoneme_is_said_and_a_sub_read() -> None:
    assert said(inside('<phoneme alphabet="ipa" ph="təˈmɑːtoʊ">tomato</phoneme>')) == "^təmɑtO$"
    assert said(inside('<sub alias="5 kg">x</sub>')) == said(inside("5 kg"))


@pytest.mark.parametrize(
    ("markup", "says"),
    [
        ("hello", "no well-formed SSML at line 1, column 1"),
        ("<speak>a", "no well-formed SSML at line 1, column 9"),
        ("<speak>\n a</speek>", "no well-formed SSML at line 2, column 5: mismatched tag"),
        ("<speak>a & b</speak>", "no well-formed SSML at line 1, column 11"),
        ("<p>a</p>", "SSML at line 1, column 1: the outermost element must be <speak>"),
        (
            "<speak>a<audio src='x'/></speak>",
            f"column 9: <audio> is not known; the elements are {', '.join(TAGS)}",
        ),
        ("<speak>\n<s x='1'>a</s></speak>", "line 2, column 1: <s> has x; its attributes are xml:lang"),
        ("<speak xml:lang='de'>a</speak>", "xml:lang is 'de'; it must be 'en-US'"),
        ("<speak><break time='1h'/>a</speak>", "<break>: time is '1h'; it must be from 0s to 10s"),
        ("<speak><break time='60s'/>a</speak>", "<break>: time is '60s'; it must be from 0s to 10s"),
        ("<speak><break strength='big'/>a</speak>", "strength is 'big'; it must be one of none, x-weak"),
        ("<speak><break>a</break></speak>", "<break> must hold nothing, not 'a'"),
        ("<speak><prosody rate='99'>a</prosody></speak>", "rate is '99'; it must be x-slow"),
        ("<speak><prosody rate='-100%'>a</prosody></speak>", "rate is '-100%'"),
        ("<speak><prosody pitch='200Hz'>a</prosody></speak>", "pitch is '200Hz'; it must be x-low"),
        ("<speak><say-as>a</say-as></speak>", "<say-as>: the attribute interpret-as is missing"),
        (
            "<speak><say-as interpret-as='x'>a</say-as></speak>",
            "interpret-as is 'x'; it must be one of characters",
        ),
        ("<speak><say-as interpret-as='date'>a</say-as></speak>", "is about 'a'; it must be a date, such as"),
        (
            "<speak><say-as interpret-as='date'><s>a</s></say-as></speak>",
            "<say-as> must hold text alone, not <s>",
        ),
        ("<speak><sub>a</sub></speak>", "<sub>: the attribute alias is missing"),
        ("<speak><phoneme ph='q'>a</phoneme></speak>", "<phoneme>: ph is 'q'; 'q' is no phoneme"),
        (
            "<speak><phoneme alphabet='x-sampa' ph='a'>a</phoneme></speak>",
            "alphabet is 'x-sampa'; it must be 'ipa'",
        ),
        ("<speak><mark/>a</speak>", "<mark>: the attribute name is missing"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><speak>&b;</speak>', "a document type is not accepted"),
        ("<speak>&b;</speak>", "undefined entity"),
        ("<speak>" + "<s>" * 40, "elements stand in each other more than 32 deep"),
        ("<speak><sub alias='x'>" + "a" * 201, "<sub> holds more than 200 characters"),
        (
            "<speak><sub alias='" + "a" * 201 + "'/>",
            "<sub>: alias has 201 characters; it must have at most 200",
        ),
        ("<speak><mark name='" + "a" * 70_000, "a tag or a comment is longer than 65536 bytes"),
        ("<speak><break/></speak>", "text has nothing that can be said"),
        ("<speak>ok. 你</speak>", "text has '你' (U+4F60) at character 11"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(markup: str, says: str) -> None:
    cut = [markup[i : i + 99] for i in range(0, len(markup), 99)] if len(markup) > 999 else markup
    for pieces in ([markup], cut):
        with pytest.raises(ValueError, match=r"SSML|text|about") as raised:
            read(pieces)
        assert says in str(raised.value)
