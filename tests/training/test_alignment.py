"""Alignment from a flat start finds which frames are whose, and recordings are cut where a reader would."""

import numpy as np

from wavesynth.text.utterance import Token
from wavesynth.training.alignment import align
from wavesynth.training.spoken import Recording, cut

PHONES = "AIOWY"


def synthetic(count: int):
    """Recordings of phonemes that each have a spectrum of their own, with silence around and in some pauses."""
    random = np.random.default_rng(1)
    shapes = {phone: random.normal(size=80) for phone in PHONES}
    symbols, mels, durations = [], [], []
    for _ in range(count):
        its = ["^"]
        for word in range(3):
            its += [*random.permutation(list(PHONES))[:4].tolist(), "_" if word < 2 else "."]
        lengths = [
            int(random.integers(8, 12)) if s in "^." else int(random.integers(4, 20)) if s != "_" else 0
            for s in its
        ]
        if random.random() < 0.5:
            lengths[its.index("_")] = 15
        rows = [np.tile(shapes.get(s, np.full(80, -3.0)), (n, 1)) for s, n in zip(its, lengths, strict=True)]
        mel = np.concatenate(rows) + 0.3 * random.normal(size=(sum(lengths), 80))
        symbols.append(its), mels.append(mel.astype(np.float32)), durations.append(np.array(lengths))
    return symbols, mels, durations


def test_phonemes_are_found_within_a_frame_or_two():
    symbols, mels, durations = synthetic(40)
    found = align(symbols, mels)
    errors = [np.abs(np.cumsum(f.durations) - np.cumsum(d)) for f, d in zip(found, durations, strict=True)]
    assert np.mean(np.concatenate(errors) <= 2) > 0.95
    assert all(f.durations.sum() == len(mel) for f, mel in zip(found, mels, strict=True))


def test_words_that_were_not_said_have_a_low_score():
    symbols, mels, _ = synthetic(40)
    symbols[7] = ["^", *"AAAAAAAA", "."]
    scores = [one.score for one in align(symbols, mels)]
    assert min(scores) == scores[7]


def test_a_recording_is_cut_within_the_pause_between_two_sentences():
    tokens = tuple(Token(symbol) for symbol in ["^", "A", ".", "I", "_", "O", "."])
    lengths = np.array([3, 10, 40, 10, 9, 10, 5])
    frames = np.arange(lengths.sum(), dtype=np.float32)
    whole = Recording("both", tokens, lengths, np.repeat(frames[:, None], 80, 1), frames, (2,))
    first, second = cut(whole)
    assert [token.symbol for token in first.tokens] == ["^", "A", "."]
    assert first.durations.tolist() == [3, 10, 12] and first.hertz.tolist() == frames[:25].tolist()
    # A pause of nine frames between words is one that a comma makes.
    assert [token.symbol for token in second.tokens] == ["^", "I", ",", "O", "."]
    assert second.durations.tolist() == [12, 10, 9, 10, 5] and second.hertz[0] == 53 - 12
