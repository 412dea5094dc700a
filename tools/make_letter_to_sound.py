"""Makes wavesynth/text/letter_to_sound_en_us.tsv: how letters sound in their context, learnt from the lexicon.

    python tools/make_letter_to_sound.py    # the file, and its accuracy on words held out: seconds of a core

Each word's letters are aligned with its phonemes, none, one or two a letter, by Viterbi training of P(phonemes |
letter). Then a letter with its context is a key: the letter, the next one, the one before, the second next, and so on,
as in Daelemans and van den Bosch's IGTree (1997). A line is written only where its phonemes differ from those of the
shorter key, so that whoever reads takes the longest key that is there. One word in forty is left out, to measure with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wavesynth.text.inventory import INVENTORY, VOWELS, parse_phonemes
from wavesynth.text.letters import MAX_CONTEXT, context, guess_from

TEXT = Path(__file__).parents[1] / "wavesynth" / "text"
OUT = TEXT / "letter_to_sound_en_us.tsv"
ROUNDS, SAMPLE = 5, 20_000
#: Phonemes with their stress, which is a part of a vowel; the first is none.
SOUNDS = ("", *(mark + p for p in INVENTORY for mark in ("", "ˌ", "ˈ") if p in VOWELS or not mark))
NUMBERS = {sound: i for i, sound in enumerate(SOUNDS)}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Ints = NDArray[np.int64]
Pairs = list[tuple[str, list[str]]]


def pairs() -> Pairs:
    """The words of small letters in the lexicon, with their phonemes."""
    found = []
    for line in (TEXT / "lexicon_en_us.tsv").read_text(encoding="utf-8").splitlines():
        word, said = line.split("\t")[:2]
        letters = word.lower()
        usual = letters.isascii() and letters.isalpha() and 2 < len(letters) < 20 and word[1:].islower()
        if said and usual:
            found.append((letters, [("", "ˌ", "ˈ")[s] + p for p, s in parse_phonemes(said)]))
    return found


@dataclass
class Costs:
    """-log P(phonemes | letter), of a chunk of no phoneme or one or two: [letters, first, second]."""

    values: NDArray[np.float32]

    @staticmethod
    def of(counts: NDArray[np.float64]) -> Costs:
        """Of counts [letters, first, second], with a little for what was never seen."""
        share = counts / counts.sum((1, 2), keepdims=True)
        return Costs(-np.log(np.maximum(share, 1e-6)).astype(np.float32))


def groups(words: Pairs) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Words with the same number of letters: letters [N, L], sounds [N, P] with 0 behind the last, how many [N]."""
    for length in sorted({len(letters) for letters, _ in words}):
        some = [w for w in words if len(w[0]) == length]
        letters = np.array([[LETTERS.index(c) for c in w] for w, _ in some])
        count = np.array([len(sounds) for _, sounds in some])
        sounds = np.zeros((len(some), count.max()), np.int64)
        for row, (_, said) in zip(sounds, some, strict=True):
            row[: len(said)] = [NUMBERS[s] for s in said]
        yield letters, sounds, count


def align(letters: Ints, sounds: Ints, count: Ints, costs: Costs) -> Ints:
    """The sounds of each letter on the cheapest path, [N, L, 2]; -1 where a word has too many for its letters."""
    n, most = sounds.shape
    before = np.concatenate([np.zeros((n, 1), np.int64), sounds], 1)  # the sound that ends at a place
    best = np.full((n, most + 1), np.inf, np.float32)
    best[:, 0] = 0
    taken = np.zeros((letters.shape[1], n, most + 1), np.int8)
    for i, letter in enumerate(letters.T):
        options = np.full((3, n, most + 1), np.inf, np.float32)
        options[0] = best + costs.values[letter, 0, 0][:, None]
        options[1, :, 1:] = best[:, :-1] + costs.values[letter[:, None], sounds, 0]
        options[2, :, 2:] = best[:, :-2] + costs.values[letter[:, None], before[:, 1:-1], sounds[:, 1:]]
        taken[i] = options.argmin(0)
        best = options.min(0)
    rows, end = np.arange(n), count.copy()
    chunks = np.zeros((n, letters.shape[1], 2), np.int64)
    for i in reversed(range(letters.shape[1])):
        step = taken[i, rows, end].astype(np.int64)
        chunks[:, i, 0] = np.where(step > 0, before[rows, np.where(step > 0, end - step + 1, 0)], 0)
        chunks[:, i, 1] = np.where(step > 1, before[rows, end], 0)
        end -= step
    chunks[~np.isfinite(best[rows, count])] = -1
    return chunks


def learn(words: Pairs) -> Costs:
    """Costs, by Viterbi training from how often a sound stands about where a letter does."""
    size = (len(LETTERS), len(SOUNDS), len(SOUNDS))
    counts = np.full(size, 0.0)
    batches = list(groups(words))
    for letters, sounds, count in batches:
        for i, letter in enumerate(letters.T):
            for shift in (-1, 0, 1):
                place = np.clip(i * count // letters.shape[1] + shift, 0, count - 1)
                np.add.at(counts, (letter, sounds[np.arange(len(letter)), place], 0), 1)
            np.add.at(counts, (letter, 0, 0), 0.3)
    costs = Costs.of(counts)
    for _ in range(ROUNDS):
        counts = np.full(size, 0.0)
        for letters, sounds, count in batches:
            chunks = align(letters, sounds, count, costs)
            whole = chunks[:, 0, 0] >= 0
            np.add.at(counts, (letters[whole], chunks[whole, :, 0], chunks[whole, :, 1]), 1)
        costs = Costs.of(counts)
    return costs


def instances(words: Pairs, costs: Costs) -> tuple[list[str], Ints]:
    """The key of each letter of each word, and the number of its chunk."""
    keys, numbers = [], []
    for letters, sounds, count in groups(words):
        chunks = align(letters, sounds, count, costs)
        whole = chunks[:, 0, 0] >= 0
        numbers.append((chunks[whole, :, 0] * len(SOUNDS) + chunks[whole, :, 1]).ravel())
        for row in letters[whole]:
            word = "".join(LETTERS[c] for c in row)
            keys += [context(word, i) for i in range(len(word))]
    return keys, np.concatenate(numbers)


def table(keys: list[str], chunks: Ints) -> dict[str, str]:
    """The phonemes of each key that differs from its shorter one; a key grows while its letters sound in two ways."""
    characters = np.array([list(key.encode()) for key in keys], np.int64)
    kept: dict[str, str] = {}
    members, group = np.arange(len(keys)), np.zeros(len(keys), np.int64)
    shorter = np.full(len(keys), -1)  # what the longest kept key so far says of a letter
    for length in range(1, MAX_CONTEXT + 1):
        _, group = np.unique(group * 256 + characters[members, length - 1], return_inverse=True)
        _, first, counts = np.unique(
            group * len(SOUNDS) ** 2 + chunks[members], return_index=True, return_counts=True
        )
        owner, chunk = group[first], chunks[members[first]]
        order = np.lexsort((chunk, -counts, owner))
        heads = order[
            np.r_[True, owner[order][1:] != owner[order][:-1]]
        ]  # of each group, the most frequent chunk
        total = np.bincount(group)
        said, often, example = chunk[heads], counts[heads], members[first[heads]]
        old = shorter[example]
        new = (old < 0) | ((said != old) & (often >= 2) & (2 * often > total))
        for place, value in zip(example[new], said[new], strict=True):
            kept[keys[place][:length]] = SOUNDS[value // len(SOUNDS)] + SOUNDS[value % len(SOUNDS)]
        shorter[members] = np.where(new, said, old)[group]
        grows = (np.bincount(owner)[group] > 1) & (total[group] > 2)
        members, group = members[grows], group[grows]
        if not len(members):
            break
    return kept


def main() -> None:
    """Writes the file."""
    words = pairs()
    held = [w for w in words if sha1(w[0].encode()).digest()[0] < 6]
    rest = [w for w in words if sha1(w[0].encode()).digest()[0] >= 6]
    costs = learn(rest[:: max(1, len(rest) // SAMPLE)])
    kept = table(*instances(rest, costs))
    lines = [f"{key}\t{chunk}\n".encode() for key, chunk in kept.items()]
    lines.sort(key=lambda line: line.partition(b"\t")[0])
    OUT.write_bytes(b"".join(lines))
    print(f"{len(kept)} keys of up to {MAX_CONTEXT} letters")
    right = same = 0
    for letters, phonemes in held:
        said = [("", "ˌ", "ˈ")[s] + p for p, s in guess_from(kept.get, letters)]
        right += said == phonemes
        same += [p[-1] for p in said] == [p[-1] for p in phonemes]
    print(f"{len(held)} words held out: {right / len(held):.3f} right, {same / len(held):.3f} but for stress")


if __name__ == "__main__":
    main()
