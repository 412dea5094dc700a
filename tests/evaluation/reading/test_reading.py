import numpy as np
import pytest

from wavesynth.evaluation.reading import measure as measuring
from wavesynth.evaluation.reading.evaluation import Copies, evaluate_reading
from wavesynth.evaluation.reading.measure import NAMES, Heard, Reading, hear, summarise
from wavesynth.evaluation.reading.readers import RATE, Reader, Said, phonemes, timed
from wavesynth.evaluation.reading.sentences import Sentence

NOTHING = frozenset(NAMES)


def heard(said, wrong, seconds, semitones, mos=None):
    return Heard("a text", seconds, said, "", wrong, mos, None, np.array(semitones, float))


def test_errors_are_of_all_words_and_the_spread_is_of_all_frames():
    row = summarise([heard(1, 1, 1.0, [40, 44], 2.0), heard(3, 0, 1.0, [40, 44, 42], 3.0)], own=4.0)
    assert row["wer_percent"] == 25 and row["dnsmos"] == 2.5 and row["words_per_minute"] == 120
    assert row["f0_semitones"] == pytest.approx(np.std([40, 44, 40, 44, 42]))
    assert row["f0_percent"] == pytest.approx(25 * row["f0_semitones"]) and "distillmos" not in row


def test_without_measures_a_reading_has_its_rate_alone():
    assert summarise([hear(Reading("two words", np.zeros(RATE, np.float32), NOTHING))]) == {
        "words_per_minute": 120
    }


def test_what_is_understood_is_held_against_the_words_as_they_are_read(monkeypatch):
    monkeypatch.setattr(measuring, "recognise", lambda samples, model: f"It was $5, {model}")
    one = hear(Reading("It was five dollars.", np.zeros(RATE, np.float32), NOTHING - {"wer"}))
    assert (one.words, one.errors, one.understood) == (4, 1, "It was $5, base")


def test_each_reader_reads_each_text_and_copies_are_of_the_prompts_alone():
    asked = []

    def say(text, seed):
        asked.append((text, seed))
        return Said(np.zeros(RATE, np.float32), 0.25, 0.5)

    second = [np.zeros(RATE, np.float32)]
    figures = evaluate_reading(
        [Reader("ann", say, 7)],
        {"news": [Sentence("One two."), Sentence("Three.")]},
        [Sentence("A prompt.", "a")],
        [Copies("recordings", second, own=True), Copies("ann, copies", second)],
        5,
        NOTHING,
        1,
        lambda name, results, total: results,
    )
    assert asked[1:] == [("A prompt.", 5), ("One two.", 5), ("Three.", 6)]
    assert list(figures["sets"]["prompts"]) == ["recordings", "ann, copies", "ann"]
    assert list(figures["sets"]["news"]) == ["ann"] and figures["words"] == {"prompts": 2, "news": 3}
    assert figures["readers"]["ann"] == {"parameters": 7, "first_audio_ms": 250, "real_time_factor": 2}


def test_the_times_of_a_stream_are_those_of_its_first_piece_and_of_all():
    def stream():
        yield np.zeros(11025, np.float32)
        yield np.zeros(11025, np.float32)

    said = timed(stream, 22050)
    assert len(said.samples) == RATE and said.first_audio is not None and said.processor_seconds >= 0
    nothing = timed(lambda: iter(()), RATE)
    assert len(nothing.samples) == 0 and nothing.first_audio is None


def test_kokoro_gets_phonemes_with_stress_spaces_and_marks():
    assert phonemes("Rice is dear, 2 of us said.") == "ɹˈIs ɪz dˈɪɹ, tˈu ʌv ˌʌs sˈɛd."
