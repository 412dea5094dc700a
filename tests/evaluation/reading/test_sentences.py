from wavesynth.evaluation.reading.sentences import TEXTS, shipped_texts, spoken_words


def test_a_number_is_the_words_that_it_is_read_as_however_it_was_written():
    assert spoken_words("It cost $3.4 million.") == spoken_words("it cost three point four million dollars")
    assert spoken_words("") == [] and spoken_words("...") == []


def test_the_texts_that_ship_are_sentences_that_can_be_read():
    texts = shipped_texts()
    assert {name: len(some) for name, some in texts.items()} == {"harvard": 20, "everyday": 10, "news": 10}
    assert list(texts) == list(TEXTS) and set(shipped_texts(["news"])) == {"harvard", "everyday"}
    assert all(len(spoken_words(one.text)) > 4 and not one.clip for some in texts.values() for one in some)
